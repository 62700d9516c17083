"""How a long list is narrowed and put in order: the words of a filter, and the orders that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.domain.errors import Invalid
from core.domain.names import did_you_mean
from core.domain.text import refuse_controls, visible

LONGEST_FILTER = 200
FIELDS = ("id", "name", "owner", "org", "cluster", "node", "kind", "state", "image")
JOURNAL_FIELDS = ("actor", "verb", "target", "face", "org")


class Order(StrEnum):
    AGE = "age"
    NAME = "name"
    OWNER = "owner"
    CLUSTER = "cluster"
    STATE = "state"
    PRIORITY = "priority"
    GPU = "gpu"


class Look(NamedTuple):
    """Which deployments, in which order, and how many of them from where on: as it was said, not yet checked."""

    states: tuple[str, ...] = ()
    cluster: str | None = None
    mine: bool = False
    order: str = Order.AGE.value
    limit: int = 100
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A text that must stand in a field, or in any; `exact` where it must be all of it, `without` turns it round."""

    text: str
    field: str | None = None
    without: bool = False
    exact: bool = False


def read_filter(text: str, fields: Sequence[str] = FIELDS) -> tuple[Word, ...]:
    """`train owner=ana !state=failed node==gpu-1`: every word must fit; `!` says without, `==` that and no more."""
    if len(text) > LONGEST_FILTER:
        raise Invalid("too_long", f"filter: at most {LONGEST_FILTER} characters (got {len(text)})", "say it shorter")
    refuse_controls(text, "filter")
    return tuple(_word(part, fields) for part in text.split())


def _word(part: str, fields: Sequence[str]) -> Word:
    without = part.startswith("!") and len(part) > 1
    name, sign, value = part.removeprefix("!" if without else "").partition("=")
    if not sign:
        return Word(name, None, without)
    if name not in fields:
        raise Invalid("unknown_field", f"filter: there is no field {visible(name)}", did_you_mean(name, fields))
    return Word(value.removeprefix("="), name, without, exact=value.startswith("="))
