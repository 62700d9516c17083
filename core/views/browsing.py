"""Views of what a screen looks through: the feed, the pulse of the installation, devices and who holds them."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.lifecycle import State


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened: `name` is that of a deployment or cluster, `detail` the words that were kept of it."""

    at: int
    kind: str
    subject: str
    name: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """When something last happened in the organization, and who leads: a screen looks anew when this has changed."""

    at: int
    changed_at: int | None
    leader: str | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a part of a device; of another organization only that it does, unless an operator looks."""

    id: str | None
    name: str | None
    owner: str | None
    state: State | None
    milli: int
    org: str | None = None  # where it is another than one's own, and one may see it


@dataclass(frozen=True, slots=True)
class DeviceLine:
    cluster: str
    node: str
    node_state: str
    index: int
    id: str
    model: str | None
    free_milli: int
    holders: tuple[Holder, ...]
