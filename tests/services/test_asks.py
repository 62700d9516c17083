"""Asks for more time: where one may not take it, every face can ask, and an admin finds it until it is of no use."""

from __future__ import annotations

import pytest

from core.clock import HOUR
from core.commands.table import VERBS
from core.commands.words import parse_words
from core.domain.errors import Conflict, Forbidden
from core.domain.resources import typed_duration
from core.domain.roles import Caller
from core.settings import Approvals
from core.views.people import Done
from tests.builders import World
from tests.services.conftest import Team

HOUR_MS = 3_600_000


@pytest.fixture
def running(team: Team) -> str:
    """A job of mia's with two hours, where all is approved first."""
    world = team.world
    for service in (world.bursar.deployments, world.bursar.decisions):
        object.__setattr__(service._settings, "approvals", Approvals(policy="always"))
    world.cluster(team.admin, "rack", gpu=4)
    handle = world.submit(team.member, "train", hours=2, labels={"sim.duration": "9h"}).id
    say(world, team.admin, "approve train")
    world.bursar.daemon().once()
    return handle


def say(world: World, who: Caller, line: str) -> object:
    verb, values = parse_words(line)
    assert callable(verb.call)
    return verb.call(world.bursar, who, values)


def asks(team: Team) -> list[tuple[str, str, int, int]]:
    return [(one.id, one.owner, one.had_ms, one.more_ms) for one in team.world.bursar.decisions.asks(team.admin).items]


def offered(team: Team) -> list[str]:
    verb = next(verb for verb in VERBS if verb.path == ("approvals",))
    return list(verb.offers(team.world.bursar, team.admin))


def hours(team: Team, handle: str) -> int | None:
    return team.world.bursar.deployments.show(team.admin, handle).hours_ms


def test_who_may_not_take_it_is_told_how_to_ask_and_an_admin_gives_it_by_what_stands_there(
    team: Team, running: str
) -> None:
    world = team.world
    with pytest.raises(Forbidden) as refused:
        say(world, team.member, "extend train hours 1.5")
    assert refused.value.hint == "the same with --ask asks the admins"
    assert asks(team) == []
    answer = say(world, team.member, "extend train hours 1.5 ask")
    assert isinstance(answer, Done) and answer.message.startswith("asked for 1.5 h more for train")
    assert hours(team, running) == 2 * HOUR_MS, "nothing changes until somebody gives it"
    assert asks(team) == [(running, "mia", 2 * HOUR_MS, 3 * HOUR_MS // 2)]
    told, gives = offered(team)
    assert told.startswith("mia asks for 1.5 h more for train, which has 2 h: every submission is approved first")
    line = gives.partition("bursar ")[2]
    say(world, team.admin, line)
    assert hours(team, running) == 7 * HOUR_MS // 2
    assert asks(team) == [] == offered(team)
    with pytest.raises(Conflict):
        say(world, team.admin, line)
    assert hours(team, running) == 7 * HOUR_MS // 2, "of two who give it one does"


def test_who_asks_again_is_asked_for_by_the_newest(team: Team, running: str) -> None:
    for wanted in ("1", "80s", "4801s"):
        say(team.world, team.member, f"extend train hours {wanted} ask")
    assert asks(team) == [(running, "mia", 2 * HOUR_MS, 4_801_000)]
    assert "--hours 4801s --if-still 2h" in offered(team)[1], "what is given is what was asked for, to the second"


def test_who_may_take_it_takes_it_also_where_they_would_ask(team: Team, running: str) -> None:
    say(team.world, team.admin, "extend train hours 1 ask")
    assert (hours(team, running), asks(team)) == (3 * HOUR_MS, [])


def test_an_ask_is_of_no_use_once_its_job_is_over(team: Team, running: str) -> None:
    say(team.world, team.member, "extend train hours 1 ask")
    assert len(asks(team)) == 1
    say(team.world, team.member, "stop train")
    assert asks(team) == []
    assert running


def test_what_is_asked_of_admins_is_theirs_to_see_and_those_of_one_organization(team: Team, running: str) -> None:
    say(team.world, team.member, "extend train hours 1 ask")
    with pytest.raises(Forbidden):
        team.world.bursar.decisions.asks(team.member)
    bob = team.world.member(team.world.org(team.operator, "sound"), "bob", "admin")
    assert team.world.bursar.decisions.asks(bob).items == ()
    (ask,) = team.world.bursar.decisions.asks(team.admin).items
    assert ask.id == running and ask.ends_at == team.world.clock.now() + 2 * HOUR


@pytest.mark.parametrize(
    ("ms", "typed"), [(7_200_000, "2h"), (5_400_000, "1.5h"), (86_400_000, "1d"), (4_801_000, "4801s"), (1_500, "1.5s")]
)
def test_a_length_is_typed_so_that_it_is_read_as_the_same(ms: int, typed: str) -> None:
    assert typed_duration(ms) == typed
