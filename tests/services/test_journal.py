"""The audit as a screen looks through it: by numbers first, narrowed by the store, each organization by itself."""

from __future__ import annotations

import pytest

from core.domain.errors import Forbidden, Invalid, NotFound
from core.domain.roles import Caller
from core.views.operations import AuditLine
from tests.services.conftest import Team


def found(team: Team, filter_: str = "", who: Caller | None = None, *, everywhere: bool = False) -> list[AuditLine]:
    browsing, caller = team.world.bursar.browsing, who or team.admin
    numbers = browsing.journal(caller, filter=filter_, everywhere=everywhere)
    return list(browsing.journal_lines(caller, numbers, everywhere=everywhere))


@pytest.fixture
def busy(team: Team) -> Team:
    world = team.world
    world.cluster(team.admin, "rack", gpu=4)
    world.submit(team.member, "train", hours=1)
    world.submit(team.admin, "other", hours=1)
    world.bursar.deployments.cancel(team.member, "train")
    return team


def test_it_is_all_that_the_command_line_tells_in_its_order(busy: Team) -> None:
    told = busy.world.bursar.operations.audit(busy.admin, 200).items
    assert [line.seq for line in found(busy)] == [line.seq for line in told]
    assert {(line.verb, line.name) for line in found(busy) if line.target.startswith("dep-")} >= {
        ("deployment.submit", "train"),
        ("deployment.submit", "other"),
        ("deployment.cancel", "train"),
    }


@pytest.mark.parametrize(
    ("filter_", "verbs"),
    [
        ("actor==mia deployment", ["deployment.cancel", "deployment.submit"]),
        ("TRAIN verb=submit", ["deployment.submit"]),
        ("other", ["deployment.submit"]),
        ("verb=cluster.create rack", ["cluster.create"]),
        ("org==vision verb==deployment.cancel", ["deployment.cancel"]),
        ("verb=cancel !actor=mia", []),
        ("100%", []),
    ],
)
def test_words_stand_anywhere_and_fields_where_they_are(busy: Team, filter_: str, verbs: list[str]) -> None:
    assert [line.verb for line in found(busy, filter_)] == verbs


def test_behind_a_number_stands_only_what_came_later(busy: Team) -> None:
    journal = busy.world.bursar.browsing.journal
    all_of_it = journal(busy.admin)
    assert journal(busy.admin, after=all_of_it[2]) == all_of_it[:2]
    assert journal(busy.admin, after=all_of_it[0]) == ()


def test_members_see_none_of_it_and_admins_only_their_own(busy: Team) -> None:
    browsing = busy.world.bursar.browsing
    with pytest.raises(Forbidden):
        browsing.journal(busy.member)
    with pytest.raises(Forbidden):
        browsing.journal(busy.admin, everywhere=True)
    operator = busy.operator_in("vision")
    everything = found(busy, who=operator, everywhere=True)
    others = [line for line in everything if line.org != "vision"]
    assert others and {line.org for line in everything} >= {"vision", None}
    with pytest.raises(NotFound) as refused:
        browsing.journal_lines(busy.admin, (others[0].seq,))
    assert refused.value.code == "audit_line_not_found"


def test_what_cannot_be_asked_is_refused(busy: Team) -> None:
    browsing = busy.world.bursar.browsing
    with pytest.raises(Invalid) as refused:
        browsing.journal(busy.admin, filter="owner=mia")
    assert "there is no field" in refused.value.message
    with pytest.raises(Invalid):
        browsing.journal_lines(busy.admin, tuple(range(1, 502)))
