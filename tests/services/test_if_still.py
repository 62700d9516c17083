"""A change that names the value it was decided on is refused once that is another: nobody's change is lost unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from core.commands.table import VERBS
from core.commands.words import parse_words
from core.domain.errors import Conflict, Invalid
from core.domain.resources import format_duration
from core.domain.roles import Caller
from tests.builders import World
from tests.services.conftest import Team


class Case(NamedTuple):
    """A verb that puts a value in the place of `before`, and how its value is seen."""

    line: str
    before: str
    other: str
    seen: Callable[[World, Caller], str]


def _priority(world: World, who: Caller) -> str:
    return str(world.bursar.deployments.show(who, "train").priority)


def _role(world: World, who: Caller) -> str:
    return {member.name: member.role.value for member in world.bursar.organizations.members(who).items}["mia"]


def _node(world: World, who: Caller) -> str:
    return world.bursar.clusters.show(who, "rack").nodes[0].state


def _hours(world: World, who: Caller) -> str:
    return format_duration(world.bursar.deployments.show(who, "train").hours_ms or 0)


CASES = {
    "hours": Case("extend train --hours 1h", "1 h", "2 h", _hours),
    "priority": Case("priority train {}", "50", "70", _priority),
    "role": Case("org role mia {}", "member", "admin", _role),
    "node": Case("cluster {} rack node-1", "up", "drained", _node),
}
_NODE_WORDS = {"up": "resume", "drained": "drain"}


def _ask(team: Team, line: str) -> None:
    verb, values = parse_words(line)
    assert callable(verb.call)
    verb.call(team.world.bursar, team.admin, values)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_who_saw_an_older_value_changes_nothing(team: Team, case: Case) -> None:
    team.world.cluster(team.admin)
    team.world.submit(team.member, "train")
    line = case.line.format(_NODE_WORDS.get(case.other, case.other))
    _ask(team, f'{line} --if-still "{case.before}"')
    assert case.seen(team.world, team.admin) == case.other
    with pytest.raises(Conflict) as refused:
        _ask(team, f'{line} --if-still "{case.before}"')
    assert (refused.value.code, case.seen(team.world, team.admin)) == ("changed_meanwhile", case.other)
    assert f"is {case.other} by now, no longer {case.before}" in refused.value.message


def test_a_value_that_cannot_be_is_no_condition(team: Team) -> None:
    team.world.cluster(team.admin)
    team.world.submit(team.member, "train")
    for line in ("priority train 60 --if-still high", "org role mia admin --if-still owner"):
        with pytest.raises(Invalid):
            _ask(team, line)
    assert (_priority(team.world, team.admin), _role(team.world, team.admin)) == ("50", "member")


def test_every_verb_that_takes_the_condition_is_tried_here() -> None:
    taking = {verb.path for verb in VERBS if any(argument.name == "if_still" for argument in verb.arguments)}
    nodes = {("cluster", word) for word in ("cordon", "drain", "resume")}
    assert taking == {("extend",), ("priority",), ("org", "role"), *nodes}
