"""`/bursar VERB` through the real app: who may say what, what is answered, and that twice is once."""

from __future__ import annotations

import pytest

from core.domain.roles import Permission
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, STRANGER, TEAM, Scene, said


async def test_somebody_who_is_not_linked_is_told_how_to_begin(scene: Scene) -> None:
    for text in ("list", "deploy", "wallet", "report here"):
        told = said(await scene.command(STRANGER, text))
        assert "register" in told and "link" in told


async def test_register_makes_an_account_without_a_password_and_join_brings_it_in(scene: Scene) -> None:
    told = said(await scene.command(STRANGER, "register"))
    assert "You are zoe" in told and "vision" in told
    code = scene.world.invite(scene.admin).code
    assert "vision" in said(await scene.command(STRANGER, f"join {code}"))
    assert "zoe" in said(await scene.command(STRANGER, "whoami"))
    with scene.world.units.look() as unit:
        account = unit.accounts.by_name("zoe")
    assert account is not None and account.password_hash is None


async def test_a_link_is_confirmed_elsewhere_and_unlink_ends_it(scene: Scene) -> None:
    told = said(await scene.command(STRANGER, "link"))
    code = told.split("slack link ")[1][:8]
    from core.domain.report_requests import LinkCode  # noqa: PLC0415 - beside its only use

    ben = scene.world.member(scene.admin, "ben")
    asked = scene.world.bursar.slack_links.asked(ben, LinkCode(code=code))
    assert (asked.name, asked.workspace, asked.team_id) == ("zoe", "acme", TEAM)
    scene.world.bursar.slack_links.confirm(ben, LinkCode(code=code))
    assert "ben" in said(await scene.command(STRANGER, "whoami"))
    assert "nobody here any more" in said(await scene.command(STRANGER, "unlink"))
    assert "register" in said(await scene.command(STRANGER, "whoami"))


async def test_a_new_password_ends_the_link_and_makes_room_for_a_new_one(scene: Scene) -> None:
    from core.domain.requests import NewPassword  # noqa: PLC0415 - beside its only use
    from tests.builders import PASSWORD  # noqa: PLC0415 - beside its only use

    scene.world.advance(1_000_000)
    scene.world.bursar.accounts.change_password(scene.admin, NewPassword(old=PASSWORD, new="another horse staple"))
    assert "register" in said(await scene.command(ADMIN, "whoami"))
    assert "slack link" in said(await scene.command(ADMIN, "link"))


@pytest.mark.parametrize("text", ["login bob hunter2", "passwd hunter2 hunter3", "Password hunter2"])
async def test_a_password_is_answered_with_a_warning_and_never_repeated(scene: Scene, text: str) -> None:
    told = said(await scene.command(MEMBER, text))
    assert "Never type a password" in told and "hunter" not in told


async def test_a_request_in_one_line_is_named_after_its_image_and_twice_gets_a_number(scene: Scene) -> None:
    line = "deploy ghcr.io/team/train:v2 on rack cpu 1 ram 20 gpu 0 priority 4 hours 1"
    assert "train" in said(await scene.command(MEMBER, line))
    assert "train-2" in said(await scene.command(MEMBER, line))
    lines = scene.world.bursar.deployments.list(scene.member, mine=True).items
    assert sorted(one.name for one in lines) == ["train", "train-2"]
    assert {(one.cpu_milli, one.ram_mib, one.gpu_milli, one.priority) for one in lines} == {(1000, 20480, 0, 4)}


async def test_E56_a_command_that_is_delivered_three_times_has_one_effect_and_one_answer(scene: Scene) -> None:
    line = "deploy busybox on rack hours 1"
    answers = [await scene.command(MEMBER, line, again="the-same") for _ in range(3)]
    assert [len(one) for one in answers] == [1, 0, 0]
    assert len(scene.world.bursar.deployments.list(scene.member, mine=True).items) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "deploy"),
        ("help", "deploy"),
        ("help wallet", "Usage: /bursar wallet"),
        ("help deploy", "deploy [IMAGE on CLUSTER]"),
        ("help Register", "register [NAME]"),
        ("help report here", "report here [WHEN]"),
        ("help clusters", "cluster list"),
        ("help cluster", "Usage: /bursar cluster VERB"),
        ("help report", "Usage: /bursar report VERB"),
        ("help init", "command line"),
        ("help depoly", "did you mean 'deploy'?"),
        ("deply busybox on rack", "did you mean 'deploy'?"),
        ("regster", "did you mean 'register'?"),
        ("deploy busybox on rak", "did you mean 'rack'?"),
        ("deploy busybox on nowhere", "there is 'rack'; /bursar cluster list shows them"),
        ("zzz", "/bursar help shows all verbs"),
        ("HELP", "deploy"),
        ("clusters", "rack"),
        ("org", "vision"),
        ("token", "needs another word"),
        ("invite", "only an admin"),
        ("queue", "nothing waits"),
        ("forecast", "nothing runs or waits on rack"),
        ("frobnicate", "there is no verb"),
        ("walet", "did you mean"),
        ("deploy busybox on rack cpuu 2", "cpu"),
        ("submit web image busybox cluster rack --gpu=2--x", "2--x"),
        ("submit web image “busybox cluster rack", "does not end"),
        ("x" * 4001, "at most 4000"),
        ("backup", "command line"),
        ("logs nothing --follow", "no deployment"),
    ],
)
async def test_B36_whatever_is_typed_gets_an_answer_that_points_at_what_is_wrong(
    scene: Scene, text: str, told: str
) -> None:
    assert told in said(await scene.command(MEMBER, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("invite", "/bursar join "),
        ("Invites", "inv-"),
        ("report", "vision: use"),
        ("reports", "/bursar report here weekly mon 09:00"),
        ("limits show", "/bursar limits set"),
        ("org", "vision"),
    ],
)
async def test_a_word_alone_means_what_people_mean_by_it_and_hints_are_said_as_here(
    scene: Scene, text: str, told: str
) -> None:
    assert told in said(await scene.command(ADMIN, text))


async def test_of_several_clusters_it_must_be_said_whose_queue(scene: Scene) -> None:
    scene.world.cluster(scene.admin, "shelf")
    assert "say which: rack, shelf" in said(await scene.command(MEMBER, "queue"))
    assert "nothing waits" in said(await scene.command(MEMBER, "queue shelf"))


@pytest.mark.parametrize(
    ("user", "there", "not_there"),
    [
        (STRANGER, ("register", "link"), ("wallet", "approvals", "cluster create")),
        (MEMBER, ("deploy", "wallet", "submit"), ("approvals", "invite create", "org role", "register")),
        (ADMIN, ("approvals", "invite create", "report here", "org role"), ("register", "reconcile", "flavor set")),
    ],
)
async def test_help_offers_what_the_one_who_asks_may_do(
    scene: Scene, user: str, there: tuple[str, ...], not_there: tuple[str, ...]
) -> None:
    told = said(await scene.command(user, "help"))
    assert [word for word in there if word not in told] == []
    assert [word for word in not_there if word in told] == []


async def test_a_list_leads_on_to_a_card_and_an_approval_to_a_decision(scene: Scene) -> None:
    (empty,) = await scene.command(MEMBER, "list")
    assert empty["blocks"][-1]["elements"][0]["action_id"] == "new_request"
    card = scene.world.submit(scene.member, "train")
    (listed,) = await scene.command(MEMBER, "list")
    button = listed["blocks"][0]["accessory"]
    assert "*train*" in everything_said(listed["blocks"]) and "train queued" in listed["text"]
    assert "1 GPU" in said(await scene.press(MEMBER, button["action_id"], button["value"]))
    assert card.id == button["value"]


async def test_smart_quotes_and_a_mention_mean_what_the_person_meant(scene: Scene) -> None:
    assert "ben" not in said(await scene.command(ADMIN, "wallet <@U0NOBODY|ben>"))
    assert "mia" in said(await scene.command(ADMIN, f"wallet <@{MEMBER}|whoever>"))
    answer = said(await scene.command(MEMBER, "submit “web” image “busybox” cluster “rack” hours 1"))
    assert "web" in answer


async def test_a_member_may_not_what_only_an_admin_may(scene: Scene) -> None:
    for text in ("approvals", "invite create", "grant mia credits 5", "report list", "verify-ledger"):
        assert "only an admin" in said(await scene.command(MEMBER, text)), text
        assert "only an admin" not in said(await scene.command(ADMIN, text)), text


async def test_what_cannot_be_undone_is_asked_and_done_only_after_a_press(scene: Scene) -> None:
    (asked,) = await scene.command(ADMIN, "org remove mia")
    assert "mia" in everything_said(asked["blocks"])
    button = asked["blocks"][-1]["elements"][0]
    assert "mia" in {one.name for one in scene.world.bursar.organizations.members(scene.admin).items}
    assert "no longer" in said(await scene.press(ADMIN, button["action_id"], button["value"]))
    assert "mia" not in {one.name for one in scene.world.bursar.organizations.members(scene.admin).items}


async def test_the_same_button_pressed_by_somebody_else_asks_for_their_own_right(scene: Scene) -> None:
    (asked,) = await scene.command(ADMIN, "org remove mia")
    button = asked["blocks"][-1]["elements"][0]
    assert "only an admin" in said(await scene.press(MEMBER, button["action_id"], button["value"]))


async def test_a_workspace_works_in_the_organization_of_its_first_member_and_in_no_other(scene: Scene) -> None:
    other = scene.world.member(scene.world.org(scene.world.log_in("olga"), "gamma"), "gil", "admin")
    scene.link(STRANGER, other)
    told = said(await scene.command(STRANGER, "list"))
    assert "vision" in told and "join" in told
    assert "gil" in said(await scene.command(STRANGER, "whoami"))
    assert "works in vision" in said(await scene.command(MEMBER, "org switch gamma"))


async def test_every_verb_that_slack_offers_answers_and_none_ends_in_a_bug(scene: Scene) -> None:
    from core.commands.table import VERBS  # noqa: PLC0415 - beside its only use

    offered = [verb for verb in VERBS if not verb.terminal_only]
    assert len(offered) > 40
    for verb in offered:
        (answer, *_) = await scene.command(ADMIN, verb.name)
        assert "bug" not in said([answer]), verb.name
    assert Permission.BOT_RUN not in {verb.permission for verb in offered}
