"""What happened to a deployment, for whoever looks at it: every change of it is on record with what it became."""

from __future__ import annotations

from dataclasses import replace

from core.domain.changes import ApproveRequest, ExtendRequest, PriorityRequest
from core.domain.validation import validated
from core.settings import Approvals
from core.views.work import DeploymentCard
from tests.services.conftest import Team


def shown(team: Team, name: str) -> DeploymentCard:
    return team.world.bursar.deployments.show(team.member, name, lately=20)


def test_what_an_admin_changed_with_a_yes_is_on_record_and_in_the_history(small_team: Team) -> None:
    world = small_team.world.reopened(replace(small_team.world.settings, approvals=Approvals(policy="always")))
    team = replace(small_team, world=world)
    world.cluster(team.admin)
    world.fund(team.member, credits=1000, gpu_hours=100)
    world.submit(team.member, "train", hours=10, priority=50)
    decided = validated(ApproveRequest, id="train", hours="2", priority=20)
    world.bursar.decisions.approve(team.admin, decided)
    world.bursar.decisions.extend(team.admin, validated(ExtendRequest, id="train", hours="1"))
    world.bursar.decisions.set_priority(team.admin, validated(PriorityRequest, id="train", priority=30))
    card = shown(team, "train")
    assert [(line.what, line.detail) for line in card.history] == [
        ("submit", "awaiting_approval"),
        ("hours", "2 h"),
        ("priority", "20"),
        ("approve", "queued"),
        ("hours", "3 h"),
        ("priority", "30"),
    ]
    lines = world.bursar.operations.audit(team.admin).items
    (_, changed) = [line for line in lines if line.verb == "deployment.priority"]
    assert (changed.before, changed.after) == ('{"priority":50}', '{"priority":20}')


def test_a_yes_to_what_was_asked_changes_nothing_else(small_team: Team) -> None:
    world = small_team.world.reopened(replace(small_team.world.settings, approvals=Approvals(policy="always")))
    team = replace(small_team, world=world)
    world.cluster(team.admin)
    world.fund(team.member, credits=1000, gpu_hours=100)
    world.submit(team.member, "train", hours=10, priority=50)
    world.bursar.decisions.approve(team.admin, validated(ApproveRequest, id="train", hours="10", priority=50))
    assert [line.what for line in shown(team, "train").history] == ["submit", "approve"]


def test_the_last_of_it_are_shown_and_none_where_nobody_asks(small_team: Team) -> None:
    small_team.world.cluster(small_team.admin)
    small_team.world.fund(small_team.member, credits=1000, gpu_hours=100)
    small_team.world.submit(small_team.member, "train", hours=1)
    small_team.world.bursar.deployments.cancel(small_team.member, "train")
    show = small_team.world.bursar.deployments.show
    assert [line.what for line in show(small_team.member, "train", lately=1).history] == ["cancel"]
    assert show(small_team.member, "train").history == ()
