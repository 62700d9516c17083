"""What can be wrong with an engine or a run on it, and what is to be done about each: the port's own words for errors.

Drivers name a trouble by its code; the daemon acts by the table and need not know engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import (
    BursarError,
    Conflict,
    Exhausted,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)


class Trouble(StrEnum):
    """The codes that drivers use. Others are read by their kind."""

    NO_CAPACITY = "no_capacity"
    ENGINE_QUOTA = "engine_quota"
    RATE_LIMITED = "rate_limited"
    IMAGE_MISSING = "image_missing"
    CANNOT_RUN = "cannot_run"  # the command, size or shape is one that this engine will never run
    MEMBERS_NOT_TRUSTED = "members_not_trusted"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    ENGINE_DOWN = "engine_down"
    ENGINE_FAULT = "engine_fault"  # it answered, but with an error of its own
    LISTING_INCOMPLETE = "listing_incomplete"
    OTHER_HOST = "other_host"
    UNSUPPORTED = "unsupported"
    STILL_LIVE = "still_live"
    NO_SUCH_RUN = "no_such_run"
    DRIVER_BROKEN = "driver_broken"


class Remedy(StrEnum):
    ASK_AGAIN = "ask_again"  # with back-off and the same token
    REQUEUE = "requeue"  # not the user's fault: back to the queue, hold kept
    REPAIR = "repair"  # nothing will change until a person mends the cluster
    GIVE_UP = "give_up"  # asking again cannot help


@dataclass(frozen=True, slots=True)
class TroubleRule:
    kind: type[BursarError]
    remedy: Remedy
    effect_unknown: bool = False  # the call may have done its work all the same


TROUBLE: dict[Trouble, TroubleRule] = {
    Trouble.NO_CAPACITY: TroubleRule(Exhausted, Remedy.REQUEUE),
    Trouble.ENGINE_QUOTA: TroubleRule(Exhausted, Remedy.REQUEUE),
    Trouble.RATE_LIMITED: TroubleRule(Exhausted, Remedy.ASK_AGAIN),
    # A registry may be away for a while: the retry policy bounds the attempts, then it is the user's mistake.
    Trouble.IMAGE_MISSING: TroubleRule(NotFound, Remedy.ASK_AGAIN),
    Trouble.CANNOT_RUN: TroubleRule(Invalid, Remedy.GIVE_UP),
    Trouble.MEMBERS_NOT_TRUSTED: TroubleRule(Forbidden, Remedy.GIVE_UP),
    Trouble.UNAUTHORIZED: TroubleRule(Forbidden, Remedy.REPAIR),
    Trouble.TIMEOUT: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.ENGINE_DOWN: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.ENGINE_FAULT: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.LISTING_INCOMPLETE: TroubleRule(Unavailable, Remedy.ASK_AGAIN),
    Trouble.OTHER_HOST: TroubleRule(Unavailable, Remedy.REPAIR),
    Trouble.UNSUPPORTED: TroubleRule(Conflict, Remedy.GIVE_UP),
    Trouble.STILL_LIVE: TroubleRule(Conflict, Remedy.ASK_AGAIN),
    Trouble.NO_SUCH_RUN: TroubleRule(NotFound, Remedy.GIVE_UP),
    Trouble.DRIVER_BROKEN: TroubleRule(Unavailable, Remedy.REPAIR),
}

_BY_KIND: dict[type[BursarError], TroubleRule] = {
    Unavailable: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Exhausted: TroubleRule(Exhausted, Remedy.REQUEUE),
    Forbidden: TroubleRule(Forbidden, Remedy.REPAIR),
}


def trouble(code: Trouble, message: str, hint: str | None = None) -> BursarError:
    """The error for a code, of the kind that belongs to it."""
    return TROUBLE[code].kind(code.value, message, hint)


def rule_of(error: BursarError) -> TroubleRule:
    """What the daemon should do about an engine's error, also one whose code is not known here."""
    try:
        return TROUBLE[Trouble(error.code)]
    except ValueError:
        return _BY_KIND.get(type(error), TroubleRule(type(error), Remedy.GIVE_UP))
