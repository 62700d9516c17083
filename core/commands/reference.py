"""The verbs as texts: help for one, an overview of all, and the reference in Markdown.

Everything here follows from the table; nothing is written by hand, so nothing can be out of date.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from core.commands.table import FAMILIES
from core.commands.verbs import Argument, Family, Kind, Verb
from core.domain.roles import GRANTS, NEEDS_ORG, Grant, Standing

PROGRAM = "bursar"
WIDTH = 80
_WIDEST_TERM = 26

GLOBAL_FLAGS: tuple[tuple[str, str], ...] = (
    ("--json", "answer in JSON, for programs"),
    ("--org NAME", "work in this organization, this once"),
    ("--home DIR", "where the installation lives (BURSAR_HOME)"),
    ("-y, --yes", "do not ask before what cannot be undone"),
    ("--version", "show the version"),
    ("-h, --help", "show help, here or of any verb"),
)

VARIABLES: tuple[tuple[str, str], ...] = (
    ("BURSAR_HOME", "where the installation lives"),
    ("BURSAR_DATABASE_URL", "the store, where it is not a file in the home"),
    ("BURSAR_TOKEN", "an API token or a session's token, in place of a session"),
)

EXIT_CODES: tuple[tuple[str, int, str], ...] = (  # kind of error, code, meaning
    ("", 0, "done"),
    ("bug", 1, "a bug in Bursar"),
    ("invalid", 2, "invalid input or usage"),
    ("forbidden", 3, "forbidden, or not logged in"),
    ("not_found", 4, "not found"),
    ("conflict", 5, "conflict"),
    ("exhausted", 6, "exhausted: quota, credits, limits"),
    ("unavailable", 7, "unavailable"),
)

_COMPLETION = 'bash: eval "$(_BURSAR_COMPLETE=bash_source bursar)"; also zsh_source and fish_source'


def help_of(verb: Verb, begin: str = PROGRAM) -> str:
    """What `bursar VERB --help` shows; elsewhere verbs begin otherwise, and know no flags of all of them."""
    parts = [_usage(verb, begin), "", *_filled(f"{_sentence(verb.help)} {verb.more}".strip())]
    if verb.positionals:
        parts += ["", *_listed((a.shown, _described(a)) for a in verb.positionals)]
    if verb.options or verb.secrets:
        parts += ["", *_listed(_option_rows(verb))]
    flags = f" The flags of all verbs: {PROGRAM} --help" if begin == PROGRAM else ""
    parts += ["", *_filled(f"For {_who(verb)}.{flags}")]
    return "\n".join(parts) + "\n"


_GLUE = "\u00a0"


def overview(families: Sequence[Family] = FAMILIES) -> str:
    """What `bursar --help` shows: every verb in a line."""
    parts = ["Usage: bursar [FLAGS] VERB ...", "", "A compute broker for a team."]
    for family in families:
        parts += ["", f"{family.title}:", *_listed((verb.name, verb.help) for verb in family.verbs)]
    parts += ["", "Help:", *_listed([("help VERB", "show help of a verb"), ("help --all", "show the whole reference")])]
    parts += ["", "Flags, before or after the verb:", *_listed(GLOBAL_FLAGS)]
    parts += ["", "Variables:", *_listed(VARIABLES)]
    parts += ["", "Exit codes:", *_listed((str(code), meaning) for _, code, meaning in EXIT_CODES)]
    parts += ["", "Shell completion:", *_filled(_COMPLETION, indent="  ")]
    return "\n".join(parts) + "\n"


def group_help(said: tuple[str, ...], verbs: Iterable[Verb], begin: str = PROGRAM) -> str:
    """What `bursar invite --help` shows: the verbs that begin so."""
    inside = [verb for verb in verbs if verb.path[: len(said)] == said]
    rows = [(" ".join(verb.path[len(said) :]), verb.help) for verb in inside]
    return "\n".join([f"Usage: {begin} {' '.join(said)} VERB ...", "", *_listed(rows)]) + "\n"


def reference(families: Sequence[Family] = FAMILIES) -> str:
    """Everything, in Markdown: what `bursar help --all` prints."""
    parts = [
        "# The verbs of Bursar",
        "",
        "Generated from the table of verbs by `bursar help --all`. The console's prompt and Slack take the same words,",
        "with dashes or as pairs: `invite create --role admin --uses 3` or `invite create role admin uses 3`.",
        "Those marked *terminal* are for the command line alone. `deploy IMAGE on CLUSTER cpu 1 gpu 0.5` is `submit`,",
        "named after the image.",
        "",
        "Flags of all verbs, before or after the verb:",
        "",
        *(f"- `{flag}`: {meaning}" for flag, meaning in GLOBAL_FLAGS),
        "",
        "Variables:",
        "",
        *(f"- `{name}`: {meaning}" for name, meaning in VARIABLES),
        "",
        "Exit codes: " + " · ".join(f"{code} {meaning}" for _, code, meaning in EXIT_CODES) + ".",
    ]
    for family in families:
        parts += ["", f"## {family.title}"]
        for verb in family.verbs:
            parts += ["", *_section(verb)]
    return "\n".join(parts) + "\n"


def _section(verb: Verb) -> list[str]:
    rights = f"*For {_who(verb)}{'; terminal' if verb.terminal_only else ''}.*"
    rows = [(a.shown, _described(a)) for a in verb.positionals] + list(_option_rows(verb))
    lines = [
        f"### `{verb.name}`",
        "",
        f"{_sentence(verb.help)} {verb.more}".strip(),
        "",
        f"    bursar {verb.usage}",
        "",
    ]
    if rows:
        lines += [*(f"- `{term}`: {meaning}" for term, meaning in rows), ""]
    return [*lines, rights]


def _usage(verb: Verb, begin: str) -> str:
    start = f"Usage: {begin} "
    # What stands in one pair of brackets stays in one line.
    whole = re.sub(r"\[[^\]]*\]", lambda option: option[0].replace(" ", _GLUE), verb.usage)
    filled = textwrap.fill(
        whole,
        WIDTH - 1,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_GLUE, " ")


def _option_rows(verb: Verb) -> Iterable[tuple[str, str]]:
    for argument in verb.options:
        flag = f"{argument.short}, {argument.flag}" if argument.short else argument.flag
        yield flag if argument.kind is Kind.FLAG else f"{flag} {argument.shown}", _described(argument)
    if verb.secrets:
        words = " and the ".join(argument.help for argument in verb.secrets)
        lines = "one line each" if len(verb.secrets) > 1 else "its first line"
        yield "--password-stdin", f"read the {words} from standard input ({lines}) instead of asking"


def _described(argument: Argument) -> str:
    text = argument.help
    if argument.choices and not argument.few_choices:
        text += f": {', '.join(argument.choices)}"
    return f"{text} (default: {argument.default})" if argument.default else text


def _who(verb: Verb) -> str:
    people = _standing(GRANTS[verb.permission])
    return f"{people} of an organization" if verb.permission in NEEDS_ORG else people


def _standing(grant: Grant) -> str:
    if Standing.ANYONE in grant.to_any:
        return "anybody"
    if Standing.ACCOUNT in grant.to_any:
        return "everybody with an account"
    if Standing.MEMBER in grant.to_any:
        return "members"
    if Standing.ADMIN in grant.to_any:
        return "admins, and for what is their own all members," if grant.to_own else "admins"
    return "operators"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _listed(rows: Iterable[tuple[str, str]]) -> list[str]:
    pairs = list(rows)
    room = min(max(len(term) for term, _ in pairs), _WIDEST_TERM)
    lines: list[str] = []
    for term, meaning in pairs:
        filled = textwrap.wrap(meaning, WIDTH - room - 5)
        if len(term) > room:
            lines.append(f"  {term}")
            lines += [f"  {'':{room}}  {line}" for line in filled]
        else:
            lines.append(f"  {term:{room}}  {filled[0]}")
            lines += [f"  {'':{room}}  {line}" for line in filled[1:]]
    return lines


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH - 1, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
