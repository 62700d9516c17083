"""What an error of Slack means for a message: surely not posted and worth another try, never, or nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum

import aiohttp
from slack_sdk.errors import SlackApiError

_SECOND = 1_000_000
_FIRST_WAIT, _LONGEST_WAIT = 5 * _SECOND, 600 * _SECOND
# Slack says so itself: it may have done a part of what was asked.
_PERHAPS_DONE = frozenset({"internal_error", "fatal_error", "request_timeout"})
_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "accesslimited", "message_limit_exceeded"})
# Nothing is wrong with the message: whoever runs the bot mends its token, which `slack doctor` asks for.
_TOKEN = frozenset({"invalid_auth", "not_authed", "token_expired", "missing_scope", "not_allowed_token_type"})


class Fate(Enum):
    LATER = "later"
    NEVER = "never"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Outcome:
    fate: Fate
    reason: str
    wait_us: int = 0
    slow_down: bool = False  # Slack said itself how long it wants nothing, from anybody


def outcome_of(error: Exception, attempts: int, *, repeatable: bool) -> Outcome:
    """`repeatable` is what may be done twice without harm, such as bringing a message up to date."""
    if isinstance(error, SlackApiError):
        return _refused(error, attempts, repeatable)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Outcome(Fate.LATER, "Slack cannot be reached", _wait(attempts))  # no request has left
    reason = f"no answer from Slack ({type(error).__name__})"
    if not isinstance(error, aiohttp.ClientError | asyncio.TimeoutError | OSError):
        return Outcome(Fate.NEVER, f"a bug in Bursar ({type(error).__name__})")
    return Outcome(Fate.LATER, reason, _wait(attempts)) if repeatable else Outcome(Fate.UNSURE, reason)


def _refused(error: SlackApiError, attempts: int, repeatable: bool) -> Outcome:
    response = error.response
    word = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    said = str(word or f"HTTP {response.status_code}")
    if response.status_code == 429 or said in _LATER:
        asked = _asked_wait(response.headers)
        return Outcome(Fate.LATER, said, asked or _wait(attempts), slow_down=asked > 0)
    if response.status_code == 503 or said in _TOKEN:
        return Outcome(Fate.LATER, said, _wait(attempts))
    if said in _PERHAPS_DONE or response.status_code >= 500 or word is None:
        return Outcome(Fate.LATER, said, _wait(attempts)) if repeatable else Outcome(Fate.UNSURE, said)
    return Outcome(Fate.NEVER, said)


def _asked_wait(headers: object) -> int:
    """Retry-After in microseconds; header names have no case."""
    items = headers.items() if hasattr(headers, "items") else ()
    for name, value in items:
        text = value[0] if isinstance(value, list) and value else value
        if str(name).lower() == "retry-after" and str(text).isdigit():
            return int(text) * _SECOND
    return 0


def _wait(attempts: int) -> int:
    return int(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** max(0, attempts - 1)))
