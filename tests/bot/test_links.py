"""Links: the owner of an account sees who asks and confirms their code; a refused or foreign one is worthless."""

from __future__ import annotations

import pytest

from core.clock import MINUTE
from core.domain.errors import BursarError, NotFound
from core.domain.report_requests import LinkCode
from core.domain.roles import Caller
from tests.bot.scene import MEMBER, STRANGER, TEAM, Scene, said


async def offered(scene: Scene, line: str = "link") -> LinkCode:
    told = said(await scene.command(STRANGER, line))
    return LinkCode(code=told.split("slack link ")[1][:8])


@pytest.fixture
def ben(scene: Scene) -> Caller:
    return scene.world.member(scene.admin, "ben")


async def test_who_asks_for_my_account_is_shown_to_me_alone_until_it_is_confirmed(scene: Scene, ben: Caller) -> None:
    links = scene.world.bursar.slack_links
    code = await offered(scene, "link Ben")
    (line,) = links.pending(ben).items
    assert (line.name, line.workspace, line.team_id, line.user_id) == ("zoe", "acme", TEAM, STRANGER)
    assert line.expires_at - line.asked_at == 10 * MINUTE
    assert links.pending(scene.admin).items == ()
    with pytest.raises(BursarError, match="code"):
        links.confirm(scene.admin, code)
    assert "zoe in acme now acts as ben" in links.confirm(ben, code).message
    assert links.pending(ben).items == ()
    assert [one.name for one in links.list(ben).items] == ["zoe"]


async def test_a_refused_request_is_worth_nothing(scene: Scene, ben: Caller) -> None:
    links = scene.world.bursar.slack_links
    code = await offered(scene, "link ben")
    with pytest.raises(NotFound):
        links.refuse(scene.admin, STRANGER)
    assert "does not act as ben" in links.refuse(ben, "zoe").message
    with pytest.raises(BursarError, match="code"):
        links.asked(ben, code)
    assert "register" in said(await scene.command(STRANGER, "whoami"))
    assert links.pending(ben).items == ()


async def test_a_request_that_is_too_old_waits_for_nobody(scene: Scene, ben: Caller) -> None:
    links = scene.world.bursar.slack_links
    code = await offered(scene, "link ben")
    scene.world.advance(10 * MINUTE)
    assert links.pending(ben).items == ()
    with pytest.raises(BursarError, match="code"):
        links.confirm(ben, code)


async def test_a_code_that_names_no_account_is_good_for_who_types_it(scene: Scene, ben: Caller) -> None:
    links = scene.world.bursar.slack_links
    code = await offered(scene)
    assert links.pending(ben).items == ()
    assert links.asked(ben, code).name == "zoe"
    assert "now acts as ben" in links.confirm(ben, code).message


@pytest.mark.parametrize(
    ("line", "told"),
    [("link nobody", "no account 'nobody'"), ("link ben hunter2", "link takes the name of one account")],
)
async def test_what_is_wrong_with_a_request_is_said(scene: Scene, ben: Caller, line: str, told: str) -> None:
    answer = said(await scene.command(STRANGER, line))
    assert told in answer and "hunter2" not in answer
    assert scene.world.bursar.slack_links.pending(ben).items == ()


async def test_who_is_linked_already_is_offered_nothing(scene: Scene) -> None:
    assert "you are mia here already" in said(await scene.command(MEMBER, "link"))


async def test_the_form_for_a_code_lets_in_and_says_so(scene: Scene) -> None:
    await scene.command(STRANGER, "register")
    await scene.press(STRANGER, "join", "me")
    assert scene.slack.views[-1]["callback_id"] == "join"
    assert "not valid" in (await scene.send_form(scene.form_body(STRANGER, "join", {"code": "wrong"})))["code"]
    code = str(scene.world.invite(scene.admin).code)
    assert await scene.send_form(scene.form_body(STRANGER, "join", {"code": code})) == {}
    assert "vision" in said(await scene.command(STRANGER, "whoami"))
