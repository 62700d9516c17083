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
from core.domain.roles import GRANTS, Standing
from core.views.chat import Visitor


def offered(verb: Verb, visitor: Visitor) -> bool:
    """What somebody may say here, to what is their own at least."""
    return not verb.terminal_only and GRANTS[verb.permission].covers(_standings(visitor), own=True)


def _standings(visitor: Visitor) -> frozenset[Standing]:
    held = {Standing.ANYONE}
    if visitor.caller is not None:
        held.add(Standing.ACCOUNT)
    if visitor.belongs:
        held.add(Standing.MEMBER)
    if visitor.admin:
        held.add(Standing.ADMIN)
    if visitor.operator:
        held.add(Standing.OPERATOR)
    return frozenset(held)


async def answer(desk: Desk, command: Command) -> Message:
    words = command.text.split()[1:]
    found = _named(words)
    if found is not None:
        return pages.of_verb(found)
    visitor = await desk.visitor(command.who)
    families = [Family(one.title, tuple(v for v in one.verbs if offered(v, visitor))) for one in FAMILIES]
    known = visitor.caller is not None
    return pages.overview([one for one in families if one.verbs], known=known, admin=visitor.admin)


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
