"""What Slack delivers, read into values once. What is not as it must be is an Invalid, never a KeyError deep inside.

Knows nothing of Bolt and nothing of the services.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.errors import Forbidden, Invalid

_LONGEST_ID = 64
_TEAMS_OF_SENDER = ("user_team", "source_team")  # in a channel that two companies share


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody in a workspace, by Slack's ids; the name is only for showing."""

    team_id: str
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Command:
    who: Who
    workspace: str
    channel_id: str
    text: str
    trigger_id: str  # with which a form may be opened; none where the words came otherwise than behind a slash
    response_url: str
    event_id: str = ""

    @property
    def key(self) -> str:
        return f"slack:event:{self.event_id}" if self.event_id else _key("command", self.trigger_id)


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, in a message, in a view or on the home tab."""

    who: Who
    action_id: str
    value: str
    channel_id: str
    message_ts: str
    action_ts: str
    trigger_id: str
    view_id: str
    view_hash: str
    in_form: bool  # rather than in a message or on the home tab
    callback_id: str
    metadata: str
    inputs: Mapping[str, str]
    response_url: str

    @property
    def key(self) -> str:
        place = (self.channel_id, self.message_ts or self.view_id, self.action_ts, self.who.user_id, self.action_id)
        return _key("press", self.who.team_id, *place)


@dataclass(frozen=True, slots=True)
class Submission:
    """A modal that was sent; the view's id is its key, since a view is done once."""

    who: Who
    callback_id: str
    view_id: str
    metadata: str
    inputs: Mapping[str, str]

    @property
    def key(self) -> str:
        return _key("view", self.who.team_id, self.view_id)


@dataclass(frozen=True, slots=True)
class Event:
    who: Who
    event_id: str
    kind: str
    channel_id: str
    text: str
    thread_ts: str
    tab: str
    bot_tokens: bool  # whether revoked tokens were the bot's


def command_of(body: Mapping[str, Any]) -> Command:
    who = Who(_id(body, "team_id"), _id(body, "user_id"), _text(body, "user_name"))
    return Command(
        who=who,
        workspace=_text(body, "team_domain") or who.team_id,
        channel_id=_text(body, "channel_id"),
        text=_text(body, "text"),
        trigger_id=_text(body, "trigger_id"),
        response_url=_text(body, "response_url"),
    )


def press_of(body: Mapping[str, Any]) -> Press:
    action = _first(body.get("actions"))
    container, view = _table(body.get("container")), _table(body.get("view"))
    return Press(
        who=_who(body),
        action_id=_text(action, "action_id"),
        value=_text(action, "value") or _text(_table(action.get("selected_option")), "value"),
        channel_id=_text(_table(body.get("channel")), "id") or _text(container, "channel_id"),
        message_ts=_text(_table(body.get("message")), "ts") or _text(container, "message_ts"),
        action_ts=_text(action, "action_ts"),
        trigger_id=_text(body, "trigger_id"),
        view_id=_text(view, "id"),
        view_hash=_text(view, "hash"),
        in_form=_text(view, "type") == "modal",
        callback_id=_text(view, "callback_id"),
        metadata=_text(view, "private_metadata"),
        inputs=_inputs(view),
        response_url=_text(body, "response_url"),
    )


def submission_of(body: Mapping[str, Any]) -> Submission:
    view = _table(body.get("view"))
    return Submission(
        who=_who(body),
        callback_id=_text(view, "callback_id"),
        view_id=_id(view, "id"),
        metadata=_text(view, "private_metadata"),
        inputs=_inputs(view),
    )


def shortcut_of(body: Mapping[str, Any]) -> tuple[Who, str]:
    """Who, and the trigger with which a form may be opened."""
    return _who(body), _text(body, "trigger_id")


def event_of(body: Mapping[str, Any]) -> Event:
    event, team = _table(body.get("event")), _id(body, "team_id")
    if not _text(body, "enterprise_id") and any(_text(event, of) not in ("", team) for of in _TEAMS_OF_SENDER):
        raise _guest()
    return Event(
        who=Who(team, _text(event, "user"), ""),
        event_id=_text(body, "event_id"),
        kind=_text(event, "type"),
        channel_id=_text(event, "channel"),
        text=_text(event, "text"),
        thread_ts=_text(event, "thread_ts"),
        tab=_text(event, "tab"),
        bot_tokens=bool(_table(event.get("tokens")).get("bot")),
    )


def _who(body: Mapping[str, Any]) -> Who:
    """Guests of another workspace are known by their own: they are refused, not taken for somebody here."""
    user = _table(body.get("user"))
    team = _text(_table(body.get("team")), "id") or _text(user, "team_id")
    home = _text(user, "team_id") or team
    if home != team:
        raise _guest()
    name = _text(user, "username") or _text(user, "name")
    return Who(_checked(team, "team"), _id(user, "id"), name)


def _guest() -> Forbidden:
    return Forbidden("guest", "people of another workspace cannot act here", "ask a member of this one")


def _inputs(view: Mapping[str, Any]) -> dict[str, str]:
    """What stands in each input block, as text."""
    found: dict[str, str] = {}
    for block_id, elements in _table(_table(view.get("state")).get("values")).items():
        for element in _table(elements).values():
            element = _table(element)
            chosen = _table(element.get("selected_option"))
            value = _text(element, "value") or _text(chosen, "value")
            if value:
                found[str(block_id)] = value
    return found


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(value: object) -> Mapping[str, Any]:
    return _table(value[0]) if isinstance(value, list) and value else {}


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    return value if isinstance(value, str) else ""


def _id(table: Mapping[str, Any], name: str) -> str:
    return _checked(_text(table, name), name)


def _checked(value: str, name: str) -> str:
    if not (0 < len(value) <= _LONGEST_ID and value.isascii() and value.replace("-", "").replace("_", "").isalnum()):
        raise Invalid("payload", f"what Slack delivered has no {name}", None)
    return value


def _key(*parts: str) -> str:
    """Short enough for the inbox, and the same for the same delivery."""
    kind, *rest = parts
    return f"slack:{kind}:{hashlib.sha256(chr(0).join(rest).encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"
