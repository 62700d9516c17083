"""The table: every verb there is, family by family, and how one is found by its words."""

from __future__ import annotations

from collections.abc import Sequence

from core.commands import clusters, deployments, money, operations, orgs, people, reports, slack
from core.commands.verbs import Family, Verb
from core.domain.errors import Invalid
from core.domain.names import nearest
from core.domain.text import visible

FAMILIES: tuple[Family, ...] = (
    Family("People", people.VERBS),
    Family("Organizations", orgs.VERBS),
    Family("Clusters", clusters.VERBS),
    Family("Deployments", deployments.VERBS),
    Family("Money", money.VERBS),
    Family("Reports", reports.VERBS),
    Family("Slack", slack.VERBS),
    Family("Operations", operations.VERBS),
)
VERBS: tuple[Verb, ...] = tuple(verb for family in FAMILIES for verb in family.verbs)


def next_words(verbs: Sequence[Verb], said: tuple[str, ...]) -> tuple[str, ...]:
    """The words that may follow these on the way to a verb, in the table's order."""
    depth = len(said)
    return tuple(dict.fromkeys(verb.path[depth] for verb in verbs if verb.path[:depth] == said and verb.path[depth:]))


def unknown_word(verbs: Sequence[Verb], said: tuple[str, ...], word: str, own: Sequence[str] = ()) -> Invalid:
    """No verb goes on like this: the nearest one is named, else where to look. `own` are a face's words beside them."""
    path = " ".join((*said, word))
    near = nearest(word, (*next_words(verbs, said), *(() if said else own)))
    elsewhere = [verb.name for verb in verbs if verb.path[-1] == word.lower()]
    if elsewhere:
        hint = f"did you mean '{elsewhere[0]}'?" if len(elsewhere) == 1 else f"one of {', '.join(elsewhere)}"
    elif near:
        hint = f"did you mean '{' '.join((*said, near))}'?"
    elif said:
        hint = f"one of {', '.join(next_words(verbs, said))}"
    else:
        hint = "`help` shows all verbs"
    return Invalid("unknown_verb", f"there is no verb {visible(path)}", hint)


def which_of(verbs: Sequence[Verb], said: tuple[str, ...]) -> Invalid:
    """The words name several verbs and no single one."""
    path, words = " ".join(said), next_words(verbs, said)
    return Invalid("verb_incomplete", f"'{path}' needs another word", f"{path} {'|'.join(words)}")
