"""Every verb of the table, asked under the rights of the person behind the account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.blocks.answers import answered
from bot.blocks.help import begin, join
from bot.blocks.parts import Message, button, buttons, confirmation, message, section
from bot.desk import Desk, in_thread
from bot.ids import Action
from bot.markup import safe_slack, unescaped
from bot.payloads import Command, Who
from bot.wording import OWN_WORDS
from core.commands.aliases import expanded
from core.commands.verbs import Program, Values, Verb
from core.commands.words import parse_words
from core.domain.changes import ExtendRequest
from core.domain.errors import Conflict, Forbidden, Invalid, NotFound
from core.domain.roles import NEEDS_ORG, Caller
from core.views.chat import Visitor
from core.views.people import Done
from core.views.work import DeploymentCard

_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,20})(?:\|[^>]{0,100})?>")
# What is meant by a word that the table wants another behind, where a chat has no page of help to turn to.
_ALONE = {"invite": "invite create", "invites": "invite list", "report": "report show", "reports": "report list"}
_OF_A_CLUSTER = frozenset({"queue", "forecast"})
_LINK = re.compile(r"<(?:https?://[^|>]*|mailto:[^|>]*)\|([^>]*)>|<(https?://[^|>]*)>")


async def answer(desk: Desk, command: Command) -> Message | None:
    return await asked(desk, command.who, command.text, command.key)


async def asked(desk: Desk, who: Who, text: str, key: str, *, sure: bool = False) -> Message | None:
    visitor = await desk.visitor(who, key)
    if visitor.caller is None:
        return begin()
    typed = await _typed(desk, who, text)
    line = expanded(_ALONE.get(typed.strip().lower(), typed))
    verb, values = parse_words(await _placed(desk, visitor, line), own=OWN_WORDS)
    if verb.path == ("org", "switch"):
        raise Conflict("org_of_workspace", f"this workspace works in {visitor.org}", "switch in a terminal")
    if verb.permission in NEEDS_ORG and not visitor.belongs:
        return join(visitor.name, visitor.org)
    if verb.question is not None and not sure:
        question = await in_thread(verb.question, desk.bursar, visitor.caller, values)
        return _ask(question.text, text)
    answer = await in_thread(call, desk, verb, visitor.caller, values)
    if verb.path == ("join",):
        await desk.visitor(who)  # the first who joins brings the workspace with them
    return answered(verb, answer)


async def _placed(desk: Desk, visitor: Visitor, line: str) -> str:
    """`queue` alone means the queue of the only cluster there is; of several it must be said which."""
    if line.strip().lower() not in _OF_A_CLUSTER or visitor.caller is None or not visitor.belongs:
        return line
    page = await in_thread(desk.bursar.clusters.list, visitor.caller)
    return f'{line} "{page.items[0].name}"' if len(page.items) == 1 else line


def call(desk: Desk, verb: Verb, caller: Caller, values: Values) -> object:
    if isinstance(verb.call, Program):
        raise Invalid("terminal_only", f"'{verb.name}' is for the command line", f"in a terminal: bursar {verb.usage}")
    asks = {"ask": True} if verb.path == ("extend",) else {}  # here whoever may not take it asks without a word for it
    answer = verb.call(desk.bursar, caller, {**values, **asks})
    if isinstance(answer, Iterator):
        raise Invalid("terminal_only", "what goes on and on is for a terminal", "say it without follow or whole")
    return answer


def longer(desk: Desk, caller: Caller, request: ExtendRequest) -> DeploymentCard | Done:
    """More time, or where that needs somebody's yes, the question to those who can give it."""
    try:
        return desk.bursar.decisions.extend(caller, request)
    except Forbidden as refused:
        if refused.code != "needs_approval":
            raise
        return desk.bursar.decisions.ask_for_hours(caller, request)


async def known(desk: Desk, who: Who, key: str) -> tuple[Visitor, Caller]:
    """Somebody who is linked and belongs here; whoever presses an old button may not be any more."""
    visitor = await desk.visitor(who, key)
    if visitor.caller is None:
        raise NotFound("not_linked", "I do not know you here", "say /bursar register, or /bursar link")
    if not visitor.belongs:
        raise NotFound("org_not_found", "you do not belong to this workspace's organization", "/bursar join CODE")
    return visitor, visitor.caller


async def _typed(desk: Desk, who: Who, text: str) -> str:
    """What was typed, of what Slack has made of it: people become the names of their accounts, links their text."""
    for found in set(_MENTION.findall(text)):
        named = await in_thread(desk.chat.visitor, who.team_id, found)
        if named.caller is None:
            raise NotFound("not_linked", "somebody that you name is not known here", "give the account's name")
        text = re.sub(rf"<@{found}(\|[^>]*)?>", named.name, text)
    return unescaped(_LINK.sub(lambda match: match[1] or match[2] or "", text))


def _ask(question: str, text: str) -> Message:
    sure = confirmation("Are you sure?", "This cannot be undone.", "Yes, do it")
    yes = button("Do it", Action.CONFIRM, text, style="danger", label="do what was asked", confirm=sure)
    return message(question, [section(safe_slack(question)), buttons(yes)])
