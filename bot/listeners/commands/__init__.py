"""`/bursar VERB`: the verbs of the table under the person's own rights, and the few that only Slack has."""

from __future__ import annotations

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Message, message, section
from bot.desk import Desk
from bot.ids import COMMAND
from bot.listeners.commands import deploy, guide, link, refusals, register, report, unlink, verb
from bot.listeners.frame import on_command
from bot.payloads import Command

OWN = {
    "": guide.answer,
    "help": guide.answer,
    "register": register.answer,
    "link": link.answer,
    "unlink": unlink.answer,
    "deploy": deploy.answer,
    "submit": deploy.answer,
    "report": report.answer,
    **dict.fromkeys(refusals.WORDS, refusals.answer),
}


async def answer(desk: Desk, command: Command) -> Message | None:
    first = command.text.split(maxsplit=1)[0].lower() if command.text.strip() else ""
    return await OWN.get(first, verb.answer)(desk, command)


async def unknown(_desk: Desk, _command: Command) -> Message:
    said = f"this command is not known here; say {COMMAND} help"
    return message(said, [section(said)])


def hang(app: AsyncApp, desk: Desk) -> None:
    on_command(app, desk, COMMAND, answer)
    on_command(app, desk, re.compile(".*"), unknown)
