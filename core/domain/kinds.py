"""The three kinds of deployment, and what follows from the kind alone."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    SERVICE = "service"  # until it is stopped
    JOB = "job"  # to its end, and never longer than its hours
    VM = "vm"  # until it is stopped, and then its disk is kept

    @property
    def has_time_limit(self) -> bool:
        """Only what has one ends in a projection, and holds its whole cost when it is submitted."""
        return self is Kind.JOB

    @property
    def keeps_disk(self) -> bool:
        """Whether it is stopped, not queued again, when it must make room."""
        return self is Kind.VM


def kind_by_default(*, has_hours: bool) -> Kind:
    return Kind.JOB if has_hours else Kind.SERVICE
