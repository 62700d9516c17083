"""Help: what can be said here, by family; and how to begin for who is not known yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.blocks.parts import Block, Message, button, buttons, context, message, section
from bot.ids import COMMAND, Action
from bot.markup import code, safe_slack
from core.commands.reference import group_help, help_of
from core.commands.verbs import Family, Verb

_DASHES = re.compile(r"(?<![\w-])--(?=[a-z])")
_BEGIN = (
    ("register [NAME]", "make an account that is yours here"),
    ("link", "let an account that you have act for you here"),
)
_DAILY = (
    ("deploy", "ask for a machine in a form; or in one line, `deploy IMAGE on CLUSTER gpu 1 hours 2`"),
    ("list mine", "what you have asked for; `show`, `why` and `logs` with its name say more"),
    ("wallet", "what you can spend, what burns, and how long it lasts"),
    ("clusters", "what is free, and where"),
)
_FOR_ADMINS = (
    ("approvals", "what waits for your decision"),
    ("invite create", "a code that lets somebody in"),
    ("grant NAME credits 50", "give a member a part of the treasury"),
    ("report here weekly mon 09:00", "post what was used into this channel, after a preview"),
)


def overview(families: Sequence[Family], *, known: bool = True, admin: bool = True) -> Message:
    """First what is done every day, then all that may be said by the one who asks."""
    own = (*(_DAILY if known else _BEGIN), *(_FOR_ADMINS if known and admin else ()))
    blocks: list[Block] = [section("\n".join(f"`{COMMAND} {words}` {what}" for words, what in own))]
    for family in families if known else ():
        names = ", ".join(f"`{verb.name}`" for verb in family.verbs)
        blocks.append(section(f"*{family.title}*\n{names}"))
    if not known:
        blocks.append(buttons(*beginnings()))
    more = f"`{COMMAND} help VERB` says more of one · " if known else ""
    leave = f" · `{COMMAND} unlink` ends the link with your account" if known else ""
    blocks.append(context(f"{more}answers are seen by you alone{leave}"))
    return message(f"say {COMMAND} and a word: {', '.join(words for words, _ in own)}", blocks)


# What is said here alone stands in no table.
_OF_WORDS = {
    "deploy": (
        "deploy [IMAGE on CLUSTER] [OPTION VALUE ...]",
        "Ask for a machine. Alone it opens a form; with words it is `submit`, named after the image:"
        f" `{COMMAND} deploy tinyllama:latest on rack gpu 0.5 hours 2`. Its options: `{COMMAND} help submit`.",
    ),
    "register": ("register [NAME]", "Make an account that is yours here. It has no password; none is ever asked for."),
    "link": ("link [ACCOUNT]", "Let an account that you have act for you here: you confirm it in a terminal."),
    "unlink": ("unlink", "Act as nobody here any more. What you have asked for goes on."),
    "help": ("help [VERB]", "Say what can be said here, or more of one verb."),
    "report here": (
        "report here [WHEN]",
        "Show you a report of the last period, with a button that posts it into this channel from then on.\nSuch as"
        f" `{COMMAND} report here weekly mon 09:00 Europe/Berlin`, `daily 09:00` or `monthly 2 09:00`.",
    ),
}


def of_word(word: str) -> Message | None:
    """Help of what no table has."""
    if word not in _OF_WORDS:
        return None
    usage, said = _OF_WORDS[word]
    return message(f"{usage}: {said.replace('`', '')}", [section(f"`{COMMAND} {usage}`\n{said}")])


def of_verb(verb: Verb) -> Message:
    return message(f"{verb.name}: {verb.help}", [section(code(_as_words(help_of(verb, COMMAND))))])


def _as_words(page: str) -> str:
    """Options as they are said here: `gpu 1`, without the dashes of a terminal."""
    return _DASHES.sub("", page)


def of_group(said: tuple[str, ...], verbs: Sequence[Verb]) -> Message:
    names = ", ".join(verb.name for verb in verbs)
    return message(f"{' '.join(said)}: {names}", [section(code(group_help(said, verbs, COMMAND)))])


def begin(reason: str = "") -> Message:
    """For somebody who is not linked: two ways in, none of which asks for a password."""
    said = reason or "I do not know you yet."
    text = f"{said} Say {COMMAND} register to make an account, or {COMMAND} link if you have one."
    return message(text, [section(safe_slack(text)), buttons(*beginnings())])


def beginnings() -> tuple[Block, Block]:
    return (
        button("Make an account", Action.REGISTER, "me", style="primary", label="make a Bursar account"),
        button("I have an account", Action.LINK, "me", label="link a Bursar account"),
    )


def asking() -> Message:
    """Where no form can be opened, the button that can."""
    said = f"A form asks for what you need; or say it in one line: {COMMAND} deploy IMAGE on CLUSTER gpu 1 hours 2"
    return message(said, [section(safe_slack(said)), buttons(new_request_button())])


def greeting(name: str) -> Message:
    """The first words in somebody's messages with the bot, for whom nothing has happened yet."""
    said = (
        f"Hello {name}. Here you will see how your deployments stand, and what needs a decision of yours."
        f" Ask for one with {COMMAND} deploy, here or in any channel."
    )
    return message(f"{said} {_UNREAD}", [section(safe_slack(said)), buttons(new_request_button()), context(_UNREAD)])


def unread(beginning: Message) -> Message:
    return message(f"{beginning.text} {_UNREAD}", [*beginning.blocks, context(_UNREAD)])


_UNREAD = f"what is written here without `{COMMAND}` before it, nobody reads"


def new_request_button() -> Block:
    return button("New request", Action.NEW_REQUEST, "me", style="primary", label="ask for a new deployment")


def join(name: str, org: str | None) -> Message:
    where = f"This workspace works in {org}. " if org else ""
    text = f"You are {name}. {where}Join with the code that an admin gives you: {COMMAND} join CODE"
    return message(text, [section(safe_slack(text)), buttons(join_button())])


def join_button() -> Block:
    return button("Enter my code", Action.JOIN, "me", style="primary", label="join a team with a code")
