"""Views of the background side: how it is doing, how engines and store agree, what was cleared away."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class EngineTrouble:
    """An engine that does not do what it is asked, as was told last."""

    cluster: str
    since: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class DaemonHealth:
    """Who leads, when it last gave a sign, and what lags. `leads_until` lies in the past where nobody leads."""

    leader: str | None
    epoch: int
    leads: bool
    last_sign_at: int | None
    overdue_ms: int  # how late the oldest thing is that time alone should have brought
    stuck: int  # deployments that stay too long in a state that should pass
    troubles: tuple[EngineTrouble, ...] = ()
    other_settings: tuple[str, ...] = ()  # those that the leader, which read them at its start, has otherwise


class Agreement(StrEnum):
    MATCHING = "matching"
    MISSING = "missing"  # the store says that it runs, and its engine does not show it
    ENDED = "ended"  # the store says that it runs, and its engine says that it ended: the daemon has yet to see it
    LEAK = "leak"  # bears our token, and nobody here knows it
    FOREIGN = "foreign"  # somebody else's: never touched, it only takes room


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One instance or deployment, and how store and engine agree on it."""

    agreement: Agreement
    cluster: str
    deployment: str | None
    engine_id: str | None
    node: str | None
    since: int | None
    credits_ucr: int = 0  # what a leak has cost so far, by today's prices
    gpu_ms: int = 0
    stopped: bool = False  # by this very call


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    applied: bool
    lines: tuple[Reconciled, ...]
    unanswered: tuple[str, ...] = ()  # clusters whose engine gave no complete list: nothing is said of them
    in_quarantine: bool = False  # the store came back from a backup: nothing is stopped before that is over

    def of(self, agreement: Agreement) -> tuple[Reconciled, ...]:
        return tuple(line for line in self.lines if line.agreement is agreement)


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What has been kept for long enough; with `applied` it is gone, else it would be."""

    applied: bool
    tombstones: tuple[str, ...]  # deployments of which the name, the labels and the times stay
    instances: tuple[str, ...]  # what engines still kept of runs that ended
    events: int
    answers: int
    sessions: int
