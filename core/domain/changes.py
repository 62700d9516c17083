"""What may be asked of a deployment that exists already: more time, another priority, a decision."""

from __future__ import annotations

from pydantic import Field

from core.domain.validation import HoursMs, Keyed, Priority, Reason, Reference, Request


class ExtendRequest(Keyed):
    """More hours on top of those that a job has; `if_still` are those that somebody saw when it was asked for."""

    deployment: Reference = Field(alias="id")
    hours_ms: HoursMs = Field(alias="hours")
    if_still: HoursMs | None = None


class PriorityRequest(Request):
    deployment: Reference = Field(alias="id")
    priority: Priority
    if_still: Priority | None = None


class ApproveRequest(Request):
    """As it was asked for, or with other hours or another priority."""

    deployment: Reference = Field(alias="id")
    hours_ms: HoursMs | None = Field(default=None, alias="hours")
    priority: Priority | None = None


class RejectRequest(Request):
    deployment: Reference = Field(alias="id")
    reason: Reason
