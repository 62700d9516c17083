"""What is read first, and often alone: what a message is about, what it costs, and amounts as people write them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.blocks import answers, approval, deployment, notice, parts
from bot.wording import rough_books
from core.commands.table import VERBS
from core.domain.lifecycle import State
from core.settings import Approvals
from core.views.money import CreditsBook, GpuTimeBook, Sum, WalletCard
from core.views.work import LogText, RunLineView
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, Scene, said
from tests.bot.test_blocks import AT, a_card


@pytest.mark.parametrize("kind", [*notice.OF_DEPLOYMENT.values(), lambda v, f: notice.ended(v, f, Sum())])
def test_a_notice_names_what_it_is_about_in_its_text_and_in_its_first_block(kind: Any) -> None:
    """A notification shows one of the two, and nothing of what stands above it."""
    told = kind(a_card("train", node="n1"), {"by": "ana", "reason": "preempted", "ends_at": AT, "state": "failed"})
    assert "train" in told.text and "*train*" in told.blocks[0]["text"]["text"]


def test_a_limit_that_is_near_says_in_how_long_and_what_more_time_costs() -> None:
    told = notice.limit_near(a_card("train"), {"ends_at": AT, "now": AT - 840_000_000})
    assert "train reaches its time limit in 14 min" in told.text
    assert "Extend by 1 h · 5 credits" in everything_said(told.blocks)
    assert " min" not in notice.limit_near(a_card("train"), {"ends_at": AT, "now": AT}).text, "it has come"


def test_what_has_ended_says_after_how_long_and_offers_what_it_wrote() -> None:
    run = RunLineView(1, AT, AT + 300_000_000, "exit", Sum(80_000, 0))
    card = a_card("train", State.FAILED, reason="exit status 3", runs=(run,), cost=Sum(80_000, 0))
    told = notice.ended(card, {"state": "failed"}, Sum())
    assert told.text == "train: failed after 5 m — exit status 3; cost 0.08 credits"
    assert "logs" in actions_of(told) and "logs" in actions_of(deployment.card(card))
    never = replace(
        card, state=State.CANCELLED, reason=None, runs=(), cost=Sum()
    )  # and with labels, so not asked again
    told = notice.ended(never, {"state": "cancelled"}, Sum())
    assert told.text == "train: cancelled; cost nothing" and actions_of(told) == set()


def actions_of(message: parts.Message) -> set[str]:
    return {one["action_id"] for block in message.blocks for one in block.get("elements", ()) if "action_id" in one}


def test_a_card_that_stays_says_of_when_it_is_until_nothing_of_it_changes_any_more() -> None:
    assert "as of" in everything_said(deployment.card(a_card(), AT).blocks)
    for ended in (deployment.card(a_card(state=State.COMPLETED), AT), deployment.card(a_card())):
        assert "as of" not in everything_said(ended.blocks)


def test_what_was_paid_is_said_of_whatever_has_ended_also_of_what_waited_again() -> None:
    shown = everything_said(deployment.card(a_card(state=State.CANCELLED, started_at=None)).blocks)
    assert "*cost in all*\n2.5 credits, 0.5 GPU-hours" in shown


def test_who_decides_reads_in_the_first_line_how_much_how_long_and_what_it_costs() -> None:
    told = approval.approval(a_card("train", State.AWAITING_APPROVAL, owner="mia"), None, Sum(7_000_000, 0))
    assert "2.5 credits" in told.text and "for at most 1 h" in told.text
    assert "2.5 credits" in told.blocks[0]["text"]["text"] and "for at most 1 h" in told.blocks[0]["text"]["text"]
    assert "mia has 7 credits besides" in everything_said(told.blocks)
    service = a_card("train", State.AWAITING_APPROVAL, hours_ms=None, held=Sum())
    assert "until it is stopped; 5 credits, 1 GPU-hour an hour" in approval.approval(service).text


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Sum(1_000_000, 0), "1 credit"),
        (Sum(11_469_830_000, 3_600_000), "11,469.83 credits, 1 GPU-hour"),
        (Sum(-500_000, 0), "-0.5 credits"),
        (Sum(0, 4_298_400_000), "1,194 GPU-hours"),
        (Sum(4_000, 0), "under 0.01 credits"),
        (Sum(), "0 credits"),
    ],
)
def test_amounts_are_written_as_people_write_them(amount: Sum, words: str) -> None:
    assert rough_books(amount) == words


async def test_an_old_button_says_how_it_stands_and_does_nothing(scene: Scene) -> None:
    card = scene.world.submit(scene.member, "train")
    await scene.press(MEMBER, "cancel", card.id)
    for action in ("cancel", "stop", "start"):
        (answer,) = await scene.press(MEMBER, action, card.id)
        assert answer["text"] == "train is cancelled by now; nothing was done"


async def test_an_approval_that_somebody_else_has_given_is_no_error(scene: Scene) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    card = scene.world.submit(scene.member, "train")
    await scene.press(ADMIN, "approve", card.id)
    (answer,) = await scene.press(ADMIN, "approve", card.id)
    assert answer["text"] == "train is queued by now: somebody has decided already"


async def test_the_card_of_an_approval_says_what_its_owner_could_spend_besides(scene: Scene) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    scene.world.submit(scene.member, "train", gpu=2, hours=3)
    await scene.delivered()
    assert "mia has 69.82 credits, 4 GPU-hours besides" in scene.said_to(ADMIN)


async def test_the_journal_is_read_in_lines_and_not_in_values(scene: Scene) -> None:
    await scene.command(ADMIN, "org set approvals always")
    shown = said(await scene.command(ADMIN, "audit"))
    assert "*ana* org.set vision" in shown and '{"' not in shown


async def test_help_of_a_verb_says_options_as_they_are_said_here(scene: Scene) -> None:
    shown = said(await scene.command(MEMBER, "help submit"))
    assert "--" not in shown.replace("[-- COMMAND", "") and "gpu-model M" in shown


async def test_who_rejects_reads_what_they_reject(scene: Scene) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    card = scene.world.submit(scene.member, "train", gpu=2, hours=3)
    for action in ("reject", "change"):
        await scene.press(ADMIN, action, card.id)
    reject, change = (everything_said(view["blocks"]) for view in scene.slack.views)
    assert "*train* of mia has set aside comes back: 30.18 credits, 6 GPU-hours" in reject
    assert "*mia* asks for *train* on rack: " in change and "for at most 3 h; 30.18 credits" in change


def test_a_log_says_whose_it_is_and_whether_more_may_come() -> None:
    show = next(verb for verb in VERBS if verb.name == "logs")
    for ended, words in ((True, "the end of what it wrote"), (False, "the newest that it has written")):
        fence, about = answers.answered(show, LogText("dep-7k3f9q", "a line\n\n", "0", ended)).blocks
        assert fence["text"]["text"] == "```a line```" and about["elements"][0]["text"] == f"dep-7k3f9q · {words}"


def test_a_balance_answers_in_its_first_line() -> None:
    card = WalletCard(
        "mia", "vision", CreditsBook(1, 0, 1_089_100_000, 0, None), GpuTimeBook(1, 0, 7_200_000, 0, None), None
    )
    first, *rest = answers.answered(next(verb for verb in VERBS if verb.name == "wallet"), card).blocks
    assert first["text"]["text"] == "*1,089.1 credits* and *2 GPU-hours* to spend · mia in vision" and rest == []
