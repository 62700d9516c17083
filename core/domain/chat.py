"""Words that the two sides of a delivery share: what kind of message it is, and how far it got."""

from __future__ import annotations

from enum import StrEnum


class DeliveryKind(StrEnum):
    CARD = "card"  # how a deployment stands, for its owner
    APPROVAL = "approval"  # a deployment that waits for a decision, for who may decide
    NOTICE = "notice"  # something that happened, told once
    REPORT = "report"  # what was used in a period, in a channel


class DeliveryState(StrEnum):
    DUE = "due"
    CLAIMED = "claimed"
    SENT = "sent"
    UNSURE = "unsure"  # nobody knows whether it was posted; it is not posted again unless somebody says so
    DEAD = "dead"
    SKIPPED = "skipped"  # too late to be worth posting


class NoticeKind(StrEnum):
    APPROVED = "approved"
    STARTED = "started"
    LIMIT_NEAR = "limit_near"
    PREEMPTED = "preempted"
    HOURS = "hours"  # somebody else has changed how long it may run
    ENDED = "ended"
    MORE = "more"  # so much was asked for at once that not all of it is told
    LINKED = "linked"
    UNSURE = "unsure"  # a report that may or may not have been posted
    REPORT_FAILED = "report_failed"
    FUNDS = "funds"  # how far a wallet or the treasury is used up
    GIVEN = "given"  # somebody has filled one's wallet
    REMOVED = "removed"  # somebody was taken out of the organization


class FundsLevel(StrEnum):
    """How a wallet or a treasury stands, as people are told of it; one for each rung of the run-out ladder."""

    LOW = "low"
    NEARLY_EMPTY = "nearly_empty"
    EMPTY = "empty"
    STOPPED = "stopped"
    FILLED = "filled"
