"""Views of what the scheduler knows: why something waits, the queue, the future, what a submission would do."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.lifecycle import State
from core.views.money import Sum


@dataclass(frozen=True, slots=True)
class BlockerLine:
    """One reason, with what is needed and what is there; `holders` are ids of one's own organization."""

    code: str
    message: str
    need: str | None
    have: str | None
    holders: tuple[str, ...]
    earliest_at: int | None
    suggestion: str | None

    @property
    def shortage(self) -> str | None:
        """What is needed and what is there, as a person would say it."""
        if self.need is None or self.have is None:
            return None
        if self.code == "ahead":
            return f"{self.have} to start before it"
        if self.code == "preempting":
            return f"{self.have} still to leave"
        if self.code in ("quota_member", "quota_org"):
            return f"would make {self.need}, {self.have} allowed"
        return f"needs {self.need}, {self.have} there"

    @property
    def held(self) -> str | None:
        """Who is in the way, and how."""
        words = {"ahead": "the first:", "preempting": "leaving:", "dependency": "waits for"}
        return f"{words.get(self.code, 'held by')} {', '.join(self.holders)}" if self.holders else None


@dataclass(frozen=True, slots=True)
class WhyCard:
    id: str
    name: str
    state: State
    position: int | None
    starts: bool  # in the next pass
    promised_at: int | None
    version: int
    blockers: tuple[BlockerLine, ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """So far it was looked, and no start was seen."""

    at: int


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A place in the queue; of another organization only that it is there, unless an operator looks.

    There the id is a word that verbs take together with `org`.
    """

    position: int | None  # None for one's own that waits for something else before it may stand in the queue
    id: str | None
    name: str | None
    owner: str | None
    priority: int | None
    gpu_milli: int | None
    waits_since_at: int
    blocker: str
    estimate_at: int | None
    latest_at: int | None
    org: str | None = None  # where it is another than one's own, and one may see it
    not_before_at: int | None = None  # without an estimate: so far it was looked, and it did not start

    @property
    def estimate(self) -> int | Beyond | None:
        """What there is to say of its start, in one cell."""
        if self.estimate_at is None and self.not_before_at is not None:
            return Beyond(self.not_before_at)
        return self.estimate_at


@dataclass(frozen=True, slots=True)
class BarLine:
    """A stretch of the future on a node; of another organization without its name."""

    id: str | None
    name: str | None
    node: str
    gpu_milli: int
    begins_at: int
    ends_at: int | None
    starts: bool  # False for what runs already


@dataclass(frozen=True, slots=True)
class ForecastCard:
    cluster: str
    version: int
    made_at: int
    horizon_at: int  # what would start later is not among the items
    judged: int  # how many starts of the last 30 days an estimate was made for
    within_percent: int | None  # of those, how many had started by the instant that was almost sure; None for a few
    items: tuple[BarLine, ...]


@dataclass(frozen=True, slots=True)
class DelayLine:
    id: str | None
    from_at: int
    to_at: int | None


@dataclass(frozen=True, slots=True)
class PreviewCard:
    """What a submission would do, read from one version of the cluster; nothing was written."""

    cluster: str
    version: int
    starts_now: bool
    node: str | None
    estimate_at: int | None
    latest_at: int | None
    rate: Sum
    hold: Sum
    needs_approval: str | None
    victims: tuple[str, ...]
    blockers: tuple[BlockerLine, ...] = ()
    delayed: tuple[DelayLine, ...] = ()  # the first of them
    delayed_more: int = 0
    not_before_at: int | None = None  # without an estimate: so far it was looked, and it did not start
