"""What may come next on a command line: words of verbs, options, choices, and names that the screens know. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.commands.table import next_words
from core.commands.verbs import Argument, Kind, Verb

MOST = 6
# What there is to name: the kind, then each word for one with what people know it by.
Names = Mapping[str, Mapping[str, str]]
_KINDS = frozenset({"deployment", "cluster", "node", "user", "org", "session"})


class Completion(NamedTuple):
    """The line as it would be with this word, and what the word means."""

    line: str
    word: str
    help: str


class _Word(NamedTuple):
    """`known_as` is what somebody may begin to type instead of the word."""

    word: str
    help: str
    known_as: str = "\0"


def completions(line: str, verbs: Sequence[Verb], places: Sequence[str], names: Names) -> list[Completion]:
    """The likeliest first. `places` are screens that a line may name alone; `names` are things to name in a verb."""
    words = line.split()
    last = "" if not line or line[-1].isspace() else words.pop()
    before = " ".join(words) + (" " if words else "")
    found: dict[str, str] = {}
    candidates = [one for one in _candidates(words, last, verbs, places, names) if one.word != last]
    for one in sorted(candidates, key=lambda one: not one.word.startswith(last)):
        if one.word.startswith(last) or one.known_as.startswith(last):
            found.setdefault(one.word, one.help)
    return [Completion(f"{before}{word} ", word, help_) for word, help_ in found.items()][:MOST]


def kind_of(verb: Verb, argument: Argument) -> str | None:
    """What an argument names: one of the kinds of `Names`."""
    if argument.name in _KINDS:
        return argument.name
    if argument.name == "id":
        return verb.path[0]
    others = {(("org", "switch"), "name"): "org", (("transfer",), "from"): "user", (("submit",), "after"): "deployment"}
    return others.get((verb.path, argument.name))


def _named(verb: Verb, argument: Argument, names: Names) -> Iterable[_Word]:
    yield from (_Word(choice, argument.help) for choice in argument.choices)
    known = names.get(kind_of(verb, argument) or "", {})
    yield from (_Word(word, meaning or argument.help, meaning or word) for word, meaning in known.items())


def _candidates(
    words: list[str], last: str, verbs: Sequence[Verb], places: Sequence[str], names: Names
) -> Iterable[_Word]:
    verb = next((v for v in verbs if tuple(words[: len(v.path)]) == v.path), None)
    if verb is None:
        if not words:
            yield from (_Word(place, "go there") for place in places)
        for word in next_words(verbs, tuple(words)):
            inside = [v for v in verbs if v.path[: len(words) + 1] == (*words, word)]
            yield _Word(word, inside[0].help if len(inside) == 1 else f"{len(inside)} verbs")
        return
    yield from _of_verb(verb, words, last, names)


def _of_verb(verb: Verb, words: list[str], last: str, names: Names) -> Iterable[_Word]:
    waited_for = _waits_for(verb, words)
    if waited_for is not None:
        yield from _named(verb, waited_for, names)
        return
    position = sum(not word.startswith("--") for word in words[len(verb.path) :])
    if position < len(verb.positionals) and not last.startswith("-"):
        yield from _named(verb, verb.positionals[position], names)
    yield from (
        _Word(option.flag, option.help) for option in verb.options if option.repeated or option.flag not in words
    )


def _waits_for(verb: Verb, words: list[str]) -> Argument | None:
    """The option whose value comes next."""
    if len(words) <= len(verb.path):
        return None
    return next((o for o in verb.options if o.flag == words[-1] and o.kind is not Kind.FLAG), None)
