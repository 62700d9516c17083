"""The few kinds of block there are, each within Slack's limits whatever it is given; and messages made of them.

Texts given to a block are ready to be shown: what a person typed has passed bot.markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.ids import VALUE, Action
from bot.markup import safe_slack

Block = dict[str, Any]

MOST_BLOCKS = 50
MOST_IN_VIEW = 100
LONGEST_TEXT = 3000
LONGEST_FALLBACK = 4000  # of 40,000 that are taken: nobody reads more in a notification
_MOST_SIGNS = 12_000  # of about 13,200 in all blocks of a message
_HEADER, _FIELD, _BUTTON, _OPTION = 150, 2000, 75, 75
_FIELDS, _ELEMENTS, _BUTTONS, _OPTIONS = 10, 10, 25, 100


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: `text` says all that must be known, for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]


def message(text: str, blocks: Iterable[Block]) -> Message:
    """At most so many blocks and signs as Slack takes; what is left out is said. `text` is made safe here."""
    kept: list[Block] = []
    size = 0
    given = list(blocks)
    for index, block in enumerate(given):
        size += _signs(block)
        if (len(kept) == MOST_BLOCKS - 1 and index < len(given) - 1) or size > _MOST_SIGNS:
            kept.append(context(f"{len(given) - index} more parts are left out; `bursar` in a terminal shows all"))
            break
        kept.append(block)
    return Message(safe_slack(text, LONGEST_FALLBACK, lines=True), tuple(kept))


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, _HEADER)}


def section(text: str, accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, LONGEST_TEXT) or " "}}
    return {**block, "accessory": accessory} if accessory else block


def quoted(text: str) -> Block:
    """Words of a person, which are no markup."""
    return {"type": "section", "text": plain(text, LONGEST_TEXT)}


def fields(pairs: Sequence[tuple[str, str]]) -> Block:
    """Names with their values, two in a row; a screen reader reads them in this order."""
    shown = [{"type": "mrkdwn", "text": _cut(f"*{name}*\n{value}", _FIELD)} for name, value in pairs[:_FIELDS]]
    return {"type": "section", "fields": shown}


def context(*texts: str) -> Block:
    shown = [text for text in texts if text.strip()] or ["-"]
    elements = [{"type": "mrkdwn", "text": _cut(text, LONGEST_TEXT)} for text in shown[:_ELEMENTS]]
    return {"type": "context", "elements": elements}


def divider() -> Block:
    return {"type": "divider"}


def buttons(*given: Block) -> Block:
    return {"type": "actions", "elements": list(given[:_BUTTONS])}


def button(
    text: str, action_id: str, value: str, *, label: str = "", style: str = "", confirm: Block | None = None
) -> Block:
    """`label` is what a screen reader says of it: with the thing that it acts on."""
    made: Block = {"type": "button", "text": plain(text, _BUTTON), "action_id": action_id, "value": value[:2000]}
    if label:
        made["accessibility_label"] = _cut(label, _BUTTON)
    if style:
        made["style"] = style
    return {**made, "confirm": confirm} if confirm else made


def confirmation(title: str, text: str, yes: str, no: str = "Back") -> Block:
    return {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
        "style": "danger",
    }


def text_input(
    name: str,
    label: str,
    *,
    initial: str = "",
    hint: str = "",
    optional: bool = True,
    most: int = 300,
    live: bool = False,
) -> Block:
    """`live` says what was typed as soon as Enter is pressed in it."""
    element: Block = {"type": "plain_text_input", "action_id": Action.CHANGED if live else VALUE, "max_length": most}
    if initial:
        element["initial_value"] = initial[:most]
    if live:
        element["dispatch_action_config"] = {"trigger_actions_on": ["on_enter_pressed"]}
    return _input(name, label, element, hint=hint, optional=optional, live=live)


def choice_input(name: str, label: str, options: Sequence[tuple[str, str]], *, chosen: str = "") -> Block:
    """One of several, each with the text that is shown and the value that comes back; says at once what is chosen."""
    shown = [{"text": plain(text, _OPTION), "value": value[:150]} for text, value in options[:_OPTIONS]]
    first = next((one for one in shown if chosen and one["value"] == chosen), shown[0])
    element: Block = {"type": "static_select", "action_id": Action.CHANGED, "options": shown, "initial_option": first}
    return _input(name, label, element, hint="", optional=False, live=True)


def _input(name: str, label: str, element: Block, *, hint: str, optional: bool, live: bool) -> Block:
    made: Block = {"type": "input", "block_id": name, "label": plain(label, 2000), "element": element}
    made["optional"] = optional
    if live:
        made["dispatch_action"] = True
    return {**made, "hint": plain(hint, 2000)} if hint else made


def modal(
    title: str, blocks: Sequence[Block], *, callback_id: str, submit: str = "", close: str = "Close", metadata: str = ""
) -> Block:
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, 24),
        "close": plain(close, 24),
        "private_metadata": metadata[:3000],
        "blocks": list(blocks[:MOST_IN_VIEW]),
    }
    return {**view, "submit": plain(submit, 24)} if submit else view


def home(blocks: Sequence[Block]) -> Block:
    return {"type": "home", "blocks": list(blocks[:MOST_IN_VIEW])}


def plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": _cut(text, limit) or " ", "emoji": False}


def _cut(text: str, limit: int) -> str:
    """The last guard. An entity or a date that would be split is left out whole."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    for opens, closes in (("&", ";"), ("<", ">")):
        begun = kept.rfind(opens)
        if begun > kept.rfind(closes):
            kept = kept[:begun]
    return kept + "…"


def _signs(block: Block) -> int:
    """How much text a block shows."""
    texts: list[Any] = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return sum(_length(text) for text in texts)


def _length(text: Any) -> int:
    while isinstance(text, dict):
        text = text.get("text")
    return len(text) if isinstance(text, str) else 0
