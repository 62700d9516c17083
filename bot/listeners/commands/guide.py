"""`/bursar`, `/bursar help` and `/bursar help VERB`."""

from __future__ import annotations

from bot.blocks import help as pages
from bot.blocks.parts import Message
from bot.desk import Desk
from bot.payloads import Command
from core.commands.table import FAMILIES
from core.commands.verbs import Family, Verb
from core.commands.words import parse_words
from core.domain.errors import BursarError


def offered(verb: Verb) -> bool:
    return not verb.terminal_only


async def answer(_desk: Desk, command: Command) -> Message:
    words = command.text.split()[1:]
    found = _named(words)
    if found is not None:
        return pages.of_verb(found)
    families = [Family(one.title, tuple(filter(offered, one.verbs))) for one in FAMILIES]
    return pages.overview([one for one in families if one.verbs])


def _named(words: list[str]) -> Verb | None:
    """The verb of these words; what is none is asked of the table, whose refusal names the nearest."""
    if not words:
        return None
    said = tuple(word.lower() for word in words)
    for family in FAMILIES:
        for one in family.verbs:
            if one.path == said[: len(one.path)]:
                return one
    try:
        return parse_words(" ".join(words))[0]
    except BursarError as error:
        if error.code == "unknown_verb":
            raise
        return None
