"""What must not be said in Slack: words that come with a password. The text is neither kept nor written to a log."""

from __future__ import annotations

from bot.blocks.parts import Message, message, section
from bot.desk import Desk
from bot.payloads import Command

WORDS = ("login", "passwd", "password", "init")


async def answer(_desk: Desk, _command: Command) -> Message:
    said = (
        "Never type a password into Slack: it stays in drafts, logs and exports. If that was one, change it in a"
        " terminal: bursar passwd. Here nobody needs one: say /bursar link or /bursar register."
    )
    return message(said, [section(f"⚠ {said}")])
