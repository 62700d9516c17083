"""Two workspaces on one store, each with its organization and its bot: nothing goes where it does not belong."""

from __future__ import annotations

from typing import Any

import pytest

from bot.app import build_app
from bot.delivery import Courier
from bot.doctor import diagnosis
from core.domain.roles import Caller
from core.services.chat import link_person
from core.views.operations import Verdict
from tests.bot.fake_slack import FakeSlack
from tests.bot.scene import LATE_US, MEMBER, SECRET, TEAM, Scene, said

OTHER, GIL = "T0BETA", "U0GIL"


@pytest.fixture
def gil(scene: Scene) -> Caller:
    """The admin of `gamma`, whose workspace is another."""
    admin = scene.world.org(scene.world.log_in("olga"), "gamma")
    scene.world.cluster(admin, "shelf")
    person = scene.world.member(admin, "gil", "admin")
    with scene.world.units.serve() as unit:
        link_person(unit, OTHER, GIL, "gil", person.account_id)
    caller = scene.world.bursar.chat().visitor(OTHER, GIL).caller
    assert caller is not None and caller.org == "gamma"
    return caller


def bot_of(scene: Scene, team_id: str) -> tuple[FakeSlack, Courier, Any]:
    slack = FakeSlack()
    app, desk = build_app(
        scene.world.bursar, slack, signing_secret=SECRET, answerer=scene._answer, team_id=team_id, log=scene.log
    )
    return slack, Courier(desk, f"bot of {team_id}", late_after_us=LATE_US), app


async def test_each_bot_posts_to_its_own_workspace_alone(scene: Scene, gil: Caller) -> None:
    (acme, first, _), (beta, second, _) = bot_of(scene, TEAM), bot_of(scene, OTHER)
    scene.world.submit(scene.member, "acme-work")
    scene.world.submit(gil, "beta-work", "shelf")
    for _ in range(6):
        await first.round()
        scene.world.advance(2_000_000)
    assert [one["channel"] for one in acme.posts] == [MEMBER] and beta.posts == []
    assert "beta-work" not in str(acme.posts)
    for _ in range(6):
        await second.round()
        scene.world.advance(2_000_000)
    assert [one["channel"] for one in beta.posts] == [GIL] and "acme-work" not in str(beta.posts)
    assert len(acme.posts) == 1


async def test_one_bot_for_any_workspace_mixes_nothing_and_shows_nobody_what_is_not_theirs(
    scene: Scene, gil: Caller
) -> None:
    scene.world.submit(scene.member, "acme-work")
    scene.world.submit(gil, "beta-work", "shelf")
    await scene.delivered()
    assert "beta-work" not in scene.said_to(MEMBER) and "acme-work" not in scene.said_to(GIL)
    assert "beta-work" in scene.said_to(GIL)
    theirs = said(await scene.interact(pressed_by_gil(scene, "show", "acme-work")))
    assert "no deployment" in theirs


def pressed_by_gil(scene: Scene, action: str, value: str) -> dict[str, Any]:
    body = scene.press_body(GIL, action, value, team={"id": OTHER})
    body["user"]["team_id"] = OTHER
    return body


async def test_people_of_a_workspace_that_this_bot_does_not_serve_are_told_so(scene: Scene, gil: Caller) -> None:
    _, _, scene.app = bot_of(scene, TEAM)
    before = scene.world.bursar.deployments.list(gil).items
    assert "serves another workspace" in said(await scene.interact(pressed_by_gil(scene, "new_request", "me")))
    form = scene.form_body(GIL, "deploy", {"name": "web", "cluster": "shelf", "image": "x", "hours": "1"})
    form["team"], form["user"]["team_id"] = {"id": OTHER}, OTHER
    assert "serves another workspace" in str(await scene.send_form(form))
    assert scene.world.bursar.deployments.list(gil).items == before
    assert "acme-work" not in said(await scene.command(MEMBER, "list"))


async def test_the_doctor_names_the_workspaces_that_want_a_bot_of_their_own(scene: Scene, gil: Caller) -> None:
    deliveries = scene.world.bursar.deliveries()
    assert gil.org and deliveries.workspaces() == (TEAM, OTHER)
    found = await diagnosis(FakeSlack(), None, True, deliveries.counts(), deliveries.workspaces())
    (one,) = [finding for finding in found.findings if finding.id == "workspaces"]
    assert one.verdict is Verdict.WARN and OTHER in one.message and TEAM not in one.message
