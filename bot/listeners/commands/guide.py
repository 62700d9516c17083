"""`/bursar`, `/bursar help` and `/bursar help VERB`."""

from __future__ import annotations

from bot.blocks import help as pages
from bot.blocks.parts import Message
from bot.desk import Desk
from bot.payloads import Command
from bot.wording import OWN_WORDS
from core.commands.aliases import expanded
from core.commands.table import FAMILIES, VERBS
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
    said = tuple(word.lower() for word in command.text.split()[1:])
    if said:
        return pages.of_word(" ".join(said)) or _of_verb(expanded(" ".join(said)))
    visitor = await desk.visitor(command.who)
    families = [Family(one.title, tuple(v for v in one.verbs if offered(v, visitor))) for one in FAMILIES]
    known = visitor.caller is not None
    return pages.overview([one for one in families if one.verbs], known=known, admin=visitor.admin)


def _of_verb(line: str) -> Message:
    """Help of the verb that begins so, or of the verbs that do; what is none is refused by the name of the nearest."""
    words = tuple(line.split())
    here = [verb for verb in VERBS if not verb.terminal_only]
    for verb in here:
        if verb.path == words[: len(verb.path)]:
            return pages.of_verb(verb)
    try:
        parse_words(line, own=OWN_WORDS)
    except BursarError as error:
        if error.code != "verb_incomplete":
            raise
    return pages.of_group(words, [verb for verb in here if verb.path[: len(words)] == words])
