"""Verbs as people type them into a line: `invite create role admin uses 3`, or with dashes, or with smart quotes.

For the console's prompt and for Slack. Pure: a line in, a verb with its values out, or an Invalid that points at the
word that was wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.commands.aliases import expanded
from core.commands.reading import is_yes_or_no, option_said, read_argument, values_of
from core.commands.table import VERBS, next_words, unknown_word, which_of
from core.commands.verbs import Argument, Kind, Values, Verb
from core.domain.columns import columns, cut
from core.domain.errors import Invalid
from core.domain.names import did_you_mean
from core.domain.text import safe_text, visible

LONGEST_LINE = 4_000
_SHOWN_BEFORE, _SHOWN_LINE = 40, 72

# What keyboards and chats make of quotes and of two dashes.
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})
_LONG_DASHES = "—–"
_QUOTES = "\"'"
_ESCAPABLE = "\"'\\"


class Word(NamedTuple):
    text: str
    start: int
    end: int
    quoted: bool


def parse_words(text: str, verbs: Sequence[Verb] = VERBS, own: Sequence[str] = ()) -> tuple[Verb, Values]:
    """The verb and the values that a line asks for; verbs that belong to a terminal alone are refused.

    `own` are words that the asking face knows beside the verbs: somebody may have meant one of them.
    """
    if len(text) > LONGEST_LINE:
        raise Invalid("line_too_long", f"at most {LONGEST_LINE} characters (got {len(text)})", "say it shorter")
    text = expanded(text)
    words = list(split_words(text))
    if not words:
        raise Invalid("nothing_asked", "say what to do", "`help` shows all verbs")
    verb, rest = _verb(text, words, verbs, own)
    if verb.terminal_only:
        hint = f"in a terminal: bursar {verb.usage}"
        raise Invalid("terminal_only", f"'{verb.name}' is for the command line", hint)
    given = _Given(text, verb)
    given.take(rest)
    return verb, values_of(verb, given.texts)


def split_words(text: str) -> Iterator[Word]:
    """The line in words; what stands in quotes is one, and a backslash saves a quote from being one."""
    line = text.translate(_STRAIGHT)
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        start, kept, quote, quoted = at, [], "", False
        while at < len(line) and (quote or not line[at].isspace()):
            char = line[at]
            if char == "\\" and at + 1 < len(line) and line[at + 1] in _ESCAPABLE:
                at += 1
                kept.append(text[at])
            elif char == quote:
                quote = ""
            elif not quote and char in _QUOTES and _opens(line, start, at):
                quote, quoted, opened = char, True, at
            else:
                kept.append(text[at])
            at += 1
        if quote:
            raise _pointing(text, Word("", opened, len(text), True), "quote_open", "this quote does not end", "end it")
        yield Word("".join(kept), start, at, quoted)


def _opens(line: str, start: int, at: int) -> bool:
    """A quote begins a word or a value after '='; inside a word, as in `don't`, it is a sign like others."""
    return at == start or line[at - 1] == "="


def _verb(text: str, words: list[Word], offered: Sequence[Verb], own: Sequence[str]) -> tuple[Verb, list[Word]]:
    said: tuple[str, ...] = ()
    for count, word in enumerate(words, 1):
        step = word.text.lower()
        if step not in next_words(offered, said):
            sayable = [verb for verb in offered if not verb.terminal_only]
            refusal = unknown_word(sayable, said, word.text, own)
            raise _pointing(text, word, refusal.code, refusal.message, refusal.hint or "")
        said += (step,)
        found = next((verb for verb in offered if verb.path == said), None)
        if found:
            return found, words[count:]
    raise which_of(offered, said)


class _Given:
    """What has been understood of a line so far: for each argument the texts given for it."""

    def __init__(self, line: str, verb: Verb) -> None:
        self._line = line
        self._verb = verb
        self.texts: dict[str, list[str]] = {}

    def take(self, words: list[Word]) -> None:
        waiting = deque(words)
        only_positionals = False
        while waiting:
            word = waiting.popleft()
            if word.text == "--" and not word.quoted and not only_positionals:
                only_positionals = True
                continue
            name, equals, value = ("", "", "") if only_positionals or word.quoted else _option(word.text)
            argument = self._named(word, name) if name else self._by_its_word(word, only_positionals)
            if argument is not None and not name:
                _, equals, value = word.text.partition("=")
            if argument is None:
                self._keep(self._next_positional(word, only_positionals), word.text, word)
            elif equals:
                self._keep(argument, value, word)
            elif argument.kind is Kind.FLAG and not (waiting and not name and is_yes_or_no(waiting[0].text)):
                self._keep(argument, "yes", word)
            else:
                self._keep_next(argument, word, waiting.popleft() if waiting else None)

    def _named(self, word: Word, name: str) -> Argument:
        wanted = name.replace("-", "_")
        for argument in self._verb.options:
            if argument.name == wanted:
                return argument
        flags = [argument.flag for argument in self._verb.options]
        hint = did_you_mean(f"--{name}", flags) if flags else "it takes none"
        raise self._refused(word, "unknown_option", f"'{self._verb.name}' has no option --{safe_text(name[:40])}", hint)

    def _by_its_word(self, word: Word, only_positionals: bool) -> Argument | None:
        """The option that a bare word names, once everything that must come first has come; also said
        of several, as in `gpus 2`, and together with its value, as in `gpu=2`."""
        if only_positionals or word.quoted or any(a.required and a.name not in self.texts for a in self._positionals):
            return None
        if "=" in word.text and any(one.repeated and not one.behind_dashes for one in self._positionals):
            return None  # pairs are what this verb takes
        return option_said(self._verb, word.text)[0]

    @property
    def _positionals(self) -> tuple[Argument, ...]:
        return self._verb.positionals

    def _next_positional(self, word: Word, behind_dashes: bool) -> Argument:
        ordered = [a for a in self._positionals if a.behind_dashes] if behind_dashes else []
        for argument in ordered or [a for a in self._positionals if not a.behind_dashes]:
            if argument.repeated or argument.name not in self.texts:
                return argument
        names = [argument.name.replace("_", "-") for argument in self._verb.options]
        hint = did_you_mean(word.text, names) if names else "leave it out"
        raise self._refused(word, "word_too_many", f"'{self._verb.name}' does not take {visible(word.text)}", hint)

    def _keep_next(self, argument: Argument, word: Word, value: Word | None) -> None:
        if value is None:
            message = f"{argument.name}: is without a value"
            raise self._refused(word, "value_missing", message, f"{argument.flag} {argument.shown}")
        self._keep(argument, value.text, value)

    def _keep(self, argument: Argument, value: str, word: Word) -> None:
        if argument.kind is Kind.FILE:
            raise self._refused(
                word, "terminal_only", f"{argument.flag}: files are for the command line", "leave it out"
            )
        try:
            read_argument(argument, value)
        except Invalid as error:
            raise self._refused(word, error.code, error.message, error.hint or "") from None
        self.texts.setdefault(argument.name, []).append(value)

    def _refused(self, word: Word, code: str, message: str, hint: str) -> Invalid:
        return _pointing(self._line, word, code, message, f"{hint}\nusage: {self._verb.usage}")


def _option(text: str) -> tuple[str, str, str]:
    """Name, `=` and value of a word with dashes; an empty name where it has none."""
    if text.startswith("--"):
        stem = text[2:]
    elif text[:1] and text[0] in _LONG_DASHES:
        stem = text[1:]
    else:
        return "", "", ""
    name, equals, value = stem.partition("=")
    return name, equals, value


def _pointing(line: str, word: Word, code: str, message: str, hint: str) -> Invalid:
    """An Invalid whose hint shows the line with the word underlined, shortened where the line is long."""
    begin = max(0, word.start - _SHOWN_BEFORE)
    before, bad = (safe_text(part) for part in (line[begin : word.start], line[word.start : word.end]))
    if begin:
        before = "…" + before
    room = _SHOWN_LINE - columns(before)
    bad = cut(bad, room)
    after = cut(safe_text(line[word.end : word.end + room]), room - columns(bad))
    underline = " " * columns(before) + "^" * max(1, columns(bad))
    fields = {"word": line[word.start : word.end][:80], "position": word.start + 1}
    return Invalid(code, message, f"{hint}\n{before}{bad}{after}\n{underline}", fields)
