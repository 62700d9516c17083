"""The home tab: what waits for me, my work, my balances; for who is not linked yet, how to begin."""

from __future__ import annotations

from dataclasses import dataclass

from bot.blocks.approval import decide_buttons
from bot.blocks.parts import Block, button, buttons, context, divider, fields, header, home, section
from bot.blocks.wallet import pairs
from bot.ids import Action
from bot.markup import safe_slack
from bot.wording import state_words
from core.domain.resources import format_gpu
from core.views.chat import UnsureLine, Visitor
from core.views.money import WalletCard
from core.views.work import DeploymentLine

_MOST_WAITING, _MOST_WORK = 10, 10


@dataclass(frozen=True, slots=True)
class HomeView:
    visitor: Visitor
    waiting: tuple[DeploymentLine, ...] = ()
    work: tuple[DeploymentLine, ...] = ()
    wallet: WalletCard | None = None
    unsure: tuple[UnsureLine, ...] = ()


def home_tab(view: HomeView) -> Block:
    who = view.visitor
    if who.caller is None:
        return home(_beginning())
    if not who.belongs:
        return home([section(f"You are *{safe_slack(who.name)}*. Join your team: `/bursar join CODE`"), *_help()])
    blocks: list[Block] = [section(f"*{safe_slack(who.name)}* in *{safe_slack(who.org or '')}*")]
    if who.admin:
        blocks += [header("Waits for you"), *_waiting(view.waiting)]
    for one in view.unsure[:5]:
        again = button("Post again", Action.POST_AGAIN, one.id, label="post this message again")
        blocks.append(section(f"⚠ perhaps not delivered: {safe_slack(one.what)}", again))
    blocks += [header("Your work"), *_work(view.work)]
    if view.wallet is not None:
        blocks += [header("Your balance"), fields(pairs(view.wallet))]
    return home([*blocks, divider(), *_help()])


def _beginning() -> list[Block]:
    register = button("Make an account", Action.REGISTER, "me", style="primary", label="make a Bursar account")
    link = button("I have an account", Action.LINK, "me", label="link a Bursar account")
    return [
        header("Bursar"),
        section("Compute for your team: ask for machines, see why they wait, and what they cost."),
        buttons(register, link),
        context("no password is ever asked for in Slack"),
    ]


def _waiting(lines: tuple[DeploymentLine, ...]) -> list[Block]:
    if not lines:
        return [section("nothing waits for a decision")]
    blocks: list[Block] = []
    for one in lines[:_MOST_WAITING]:
        what = f"*{safe_slack(one.name)}* of {safe_slack(one.owner)} on {safe_slack(one.cluster)}"
        blocks += [section(f"{what} · {_gpus(one)}priority {one.priority}"), buttons(*decide_buttons(one.id))]
    return blocks + _more(len(lines) - _MOST_WAITING, "approvals")


def _work(lines: tuple[DeploymentLine, ...]) -> list[Block]:
    ask = button("New request", Action.NEW_REQUEST, "me", style="primary", label="ask for a new deployment")
    if not lines:
        return [section("nothing of yours runs or waits"), buttons(ask)]
    shown = [
        section(
            f"*{safe_slack(one.name)}* · {state_words(one.state)} · {_gpus(one)}{safe_slack(one.cluster)} · {one.id}"
        )
        for one in lines[:_MOST_WORK]
    ]
    return [*shown, *_more(len(lines) - _MOST_WORK, "list --mine"), buttons(ask)]


def _gpus(one: DeploymentLine) -> str:
    return f"{format_gpu(one.gpu_milli)} GPU · " if one.gpu_milli else ""


def _more(count: int, verb: str) -> list[Block]:
    return [context(f"and {count} more: `/bursar {verb}`")] if count > 0 else []


def _help() -> list[Block]:
    return [context("`/bursar help` says what you can do here · no message of yours is read")]
