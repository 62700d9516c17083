"""What Slack takes: slack_sdk's own models, and the rules that they leave out."""

from __future__ import annotations

import re
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MOST_SIGNS = 13_200
_OBEYED = re.compile(r"<[!@#](?!date\^)[^>]*>|<(?:https?|mailto):[^>]*>")
# An input's text is what its writer sees of their own, and is never rendered.
_NOT_SHOWN = ("value", "type", "initial_value", "private_metadata")
# What the bot itself says in angle brackets: times in the reader's zone, and channels by their id.
_OURS = re.compile(r"<!date\^\d+\^[^|>]*\|[^>]*>|<#C[A-Z0-9]+>")


def check_message(text: str | None, blocks: list[dict[str, Any]]) -> None:
    assert text and len(text) <= 40_000, "a message says everything in its text too"
    assert 1 <= len(blocks) <= 50
    check_blocks(blocks)
    assert sum(len(shown["text"]) for block in blocks for shown in texts_of(block)) <= MOST_SIGNS


def check_view(view: dict[str, Any]) -> None:
    View(**view).to_dict()
    assert 1 <= len(view["blocks"]) <= 100
    check_blocks(view["blocks"])


def check_blocks(blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, f"an unknown block: {block['type']}"
        parsed.to_dict()
        assert len(block.get("fields", ())) <= 10
        for text in texts_of(block):
            assert text["text"].strip() or text["text"] == " ", "an empty text"
            assert len(text["text"]) <= (2000 if text in block.get("fields", ()) else 3000)
        for element in block.get("elements", ()):
            if element["type"] == "button":
                assert len(element["text"]["text"]) <= 75 and len(element["value"]) <= 2000
                assert 0 < len(element["action_id"]) <= 255
                assert element.get("accessibility_label"), "a button says to everybody what it does"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(ids) == len(set(ids)), "a block id stands twice"


def texts_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    held = [block.get("text"), *block.get("fields", ()), *block.get("elements", ()), block.get("label")]
    return [text for text in held if isinstance(text, dict) and text.get("type") in ("mrkdwn", "plain_text")]


def obeyed(text: str) -> list[str]:
    """What Slack would make a mention, a link or a broadcast of, beside what the bot itself says so."""
    return _OBEYED.findall(_OURS.sub("", text))


def everything_said(content: Any) -> str:
    """All texts of a message or a view, one a line."""
    if isinstance(content, dict):
        return "\n".join(everything_said(value) for key, value in content.items() if key not in _NOT_SHOWN)
    if isinstance(content, list | tuple):
        return "\n".join(everything_said(one) for one in content)
    return content if isinstance(content, str) else ""
