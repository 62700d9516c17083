"""What may come next on a command line: words of verbs, options, choices, and names that the screen knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.commands.table import next_words
from core.commands.verbs import Argument, Kind, Verb

MOST = 6


class Completion(NamedTuple):
    """The line as it would be with this word, and what the word means."""

    line: str
    word: str
    help: str


def completions(line: str, verbs: Sequence[Verb], places: Sequence[str], names: Iterable[str]) -> list[Completion]:
    """The likeliest first. `places` are screens that a line may name alone; `names` are things to name in a verb."""
    words = line.split()
    last = "" if not line or line[-1].isspace() else words.pop()
    before = " ".join(words) + (" " if words else "")
    found = [(word, help_) for word, help_ in _candidates(words, last, verbs, places, names) if word.startswith(last)]
    return [Completion(f"{before}{word} ", word, help_) for word, help_ in found if word != last][:MOST]


def _candidates(
    words: list[str], last: str, verbs: Sequence[Verb], places: Sequence[str], names: Iterable[str]
) -> Iterable[tuple[str, str]]:
    verb = next((v for v in verbs if tuple(words[: len(v.path)]) == v.path), None)
    if verb is None:
        if not words:
            yield from ((place, "go there") for place in places)
        for word in next_words(verbs, tuple(words)):
            inside = [v for v in verbs if v.path[: len(words) + 1] == (*words, word)]
            yield word, inside[0].help if len(inside) == 1 else f"{len(inside)} verbs"
        return
    yield from _of_verb(verb, words, last, names)


def _of_verb(verb: Verb, words: list[str], last: str, names: Iterable[str]) -> Iterable[tuple[str, str]]:
    waited_for = _waits_for(verb, words)
    if waited_for is not None:
        yield from ((choice, waited_for.help) for choice in waited_for.choices)
        return
    position = sum(not word.startswith("--") for word in words[len(verb.path) :])
    if position < len(verb.positionals) and not last.startswith("-"):
        argument = verb.positionals[position]
        yield from ((choice, argument.help) for choice in argument.choices)
        yield from ((name, argument.help) for name in names)
    yield from ((option.flag, option.help) for option in verb.options if option.repeated or option.flag not in words)


def _waits_for(verb: Verb, words: list[str]) -> Argument | None:
    """The option whose value comes next."""
    if len(words) <= len(verb.path):
        return None
    return next((o for o in verb.options if o.flag == words[-1] and o.kind is not Kind.FLAG), None)
