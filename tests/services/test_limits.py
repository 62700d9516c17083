"""Limits of members, clusters and the organization: set, lifted, shown with what is taken, and met by a submission."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain.errors import BursarError, Exhausted, Forbidden, Invalid, NotFound
from core.domain.money_requests import LimitsRequest
from core.domain.roles import Caller
from core.domain.validation import validated
from core.views.money import LimitLine
from tests.services.conftest import Team


def set_limits(team: Team, who: Caller, **asked: Any) -> tuple[LimitLine, ...]:
    return team.world.bursar.limits.set(who, validated(LimitsRequest, **asked)).items


def shown(team: Team, who: Caller) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    items = team.world.bursar.limits.show(who).items
    return {
        (line.level, line.subject, line.measure): tuple(map(float, (line.most, line.used, line.left))) for line in items
    }


def test_a_limit_counts_holds_and_is_met_exactly(team: Team) -> None:
    world, mia = team.world, team.member
    world.cluster(team.admin)
    set_limits(team, team.admin, member="mia", gpu_hours="3")
    set_limits(team, team.admin, gpu_hours="100", credits="1000")
    set_limits(team, team.admin, cluster="rack", credits="50", gpus="none")
    world.submit(mia, "one", hours=2)
    assert shown(team, team.admin) == {
        ("member", "mia", "gpu_hours"): (3.0, 2.0, 1.0),
        ("org", "vision", "gpu_hours"): (100.0, 2.0, 98.0),
        ("org", "vision", "credits"): (1000.0, 10.12, 989.88),
        ("cluster", "rack", "credits"): (50.0, 10.12, 39.88),
    }
    with pytest.raises(Exhausted) as refused:
        world.submit(mia, "two", hours=1.5)
    assert refused.value.message == "needs 1.5 GPU-hours, 1.0 GPU-hours left of the member's limit of 3.0 GPU-hours"
    world.submit(mia, "three", hours=1)
    assert shown(team, team.admin)["member", "mia", "gpu_hours"] == (3.0, 3.0, 0.0)


def test_a_lowered_limit_stops_nothing_and_is_shown_as_less_than_nothing(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin)
    running = world.submit(small_team.member, "one", hours=2)
    world.bursar.daemon().once()
    (line,) = set_limits(small_team, small_team.admin, member="mia", gpu_hours="0.5")
    assert tuple(map(float, (line.most, line.used, line.left))) == (0.5, 2.0, -1.5)
    world.bursar.daemon().once()
    assert world.bursar.deployments.show(small_team.member, running.id).state == "running"


def test_limits_on_what_runs_at_once_show_what_runs_now(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin)
    set_limits(small_team, small_team.admin, member="mia", gpus="4", cpus="8.5", deployments="2")
    world.submit(small_team.member, "one", gpu=2)
    world.bursar.daemon().once()
    world.submit(small_team.admin, "other", gpu=1)
    world.bursar.daemon().once()
    assert shown(small_team, small_team.admin) == {
        ("member", "mia", "gpus"): (4, 2, 2),
        ("member", "mia", "cpus"): (8.5, 1, 7.5),
        ("member", "mia", "deployments"): (2, 1, 1),
    }


def test_none_lifts_a_limit_and_leaves_the_others(team: Team) -> None:
    set_limits(team, team.admin, credits="10", gpus="2")
    (left,) = set_limits(team, team.admin, credits="none")
    assert (left.measure, left.most) == ("gpus", 2)
    (again,) = set_limits(team, team.admin, gpus="3")
    assert again.most == 3


def test_members_see_limits_of_the_organization_and_their_own(small_team: Team) -> None:
    set_limits(small_team, small_team.admin, member="mia", credits="1")
    set_limits(small_team, small_team.admin, member="ana", credits="2")
    set_limits(small_team, small_team.admin, credits="3")
    assert {key[:2] for key in shown(small_team, small_team.member)} == {("member", "mia"), ("org", "vision")}
    assert len(shown(small_team, small_team.admin)) == 3


REFUSED = [
    ("nothing is set", {}, Invalid, "limit_missing"),
    ("a member's and a cluster's at once", {"member": "mia", "cluster": "rack", "credits": "1"}, Invalid, "subject"),
    ("a cluster has no limit at once", {"cluster": "rack", "gpus": "1"}, Invalid, "unknown_limit"),
    ("below zero", {"credits": "-1"}, Invalid, "amount_out_of_range"),
    ("finer than a micro-credit", {"credits": "0.0000001"}, Invalid, "amount_too_fine"),
    ("more than there is money", {"credits": "1" + "0" * 30}, Invalid, "amount_out_of_range"),
    ("half a device too many", {"gpus": "1.5"}, Invalid, "gpu_not_whole"),
    ("an unknown member", {"member": "zoe", "credits": "1"}, NotFound, "member_not_found"),
    ("an unknown cluster", {"cluster": "zoo", "credits": "1"}, NotFound, "cluster_not_found"),
]


@pytest.mark.parametrize(
    ("asked", "kind", "code"), [pytest.param(a, kind, code, id=name) for name, a, kind, code in REFUSED]
)
def test_what_cannot_be_a_limit_is_refused(
    small_team: Team, asked: dict[str, str], kind: type[BursarError], code: str
) -> None:
    small_team.world.cluster(small_team.admin)
    with pytest.raises(kind) as refused:
        set_limits(small_team, small_team.admin, **asked)
    assert refused.value.code == code
    assert shown(small_team, small_team.admin) == {}


def test_only_admins_set_limits(small_team: Team) -> None:
    with pytest.raises(Forbidden):
        set_limits(small_team, small_team.member, credits="1000")
