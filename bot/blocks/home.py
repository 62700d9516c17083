"""The home tab: what waits for me, my work, my balances; for who is not linked yet, how to begin."""

from __future__ import annotations

from dataclasses import dataclass

from bot.blocks import lists, more_time
from bot.blocks.help import beginnings, join_button, new_request_button
from bot.blocks.parts import Block, button, buttons, confirmation, context, divider, fields, header, home, section
from bot.blocks.wallet import pairs
from bot.ids import Action
from bot.markup import safe_slack
from core.domain.lifecycle import State
from core.views.chat import HoursAsked, UnsureLine, Visitor
from core.views.money import WalletCard
from core.views.reports import said_credits
from core.views.work import ClusterLine, DeploymentLine

_MOST_WAITING, _MOST_WORK = 10, 10
MOST_ENDED = 3
_QUEUED = frozenset({State.AWAITING_APPROVAL, State.QUEUED, State.STARTING})


@dataclass(frozen=True, slots=True)
class HomeView:
    visitor: Visitor
    waiting: tuple[DeploymentLine, ...] = ()
    work: tuple[DeploymentLine, ...] = ()
    ended: tuple[DeploymentLine, ...] = ()
    wallet: WalletCard | None = None
    hours: tuple[HoursAsked, ...] = ()
    unsure: tuple[UnsureLine, ...] = ()
    clusters: tuple[ClusterLine, ...] = ()


def home_tab(view: HomeView) -> Block:
    who = view.visitor
    if who.caller is None:
        return home(_beginning())
    if not who.belongs:
        said = f"You are *{safe_slack(who.name)}*. One thing is left: the code that an admin of your team gives you."
        return home([header("Bursar"), section(said), buttons(join_button()), *_help()])
    blocks: list[Block] = [section(f"*{safe_slack(who.name)}* in *{safe_slack(who.org or '')}*{_glance(view)}")]
    blocks.append(buttons(new_request_button()))
    if who.admin and (view.waiting or view.hours):
        blocks += [header("Waits for you"), *map(more_time.asked_line, view.hours[:_MOST_WAITING])]
        blocks += _waiting(view.waiting)
    for one in view.unsure[:5]:
        again = button("Post again", Action.POST_AGAIN, one.id, label="post this message again")
        blocks.append(section(f"⚠ perhaps not delivered: {safe_slack(one.what)}", again))
    blocks += [header("Your work"), *_work(view.work)]
    if view.ended:
        blocks.append(header("Ended lately"))
        blocks += [section(lists.deployment_line(one, own=True), lists.show_button(one.id)) for one in view.ended]
    if view.wallet is not None:
        blocks += [header("Your balance"), fields(pairs(view.wallet))]
    if view.clusters:
        blocks += [
            header("Clusters"),
            *lists.in_blocks([lists.cluster_line(one) for one in view.clusters[:_MOST_WORK]]),
        ]
        blocks += _more(len(view.clusters) - _MOST_WORK, "clusters")
    return home([*blocks, divider(), *_help()])


def _glance(view: HomeView) -> str:
    """The day in one line: what runs, what waits, what there is to spend; for who decides, what waits for them."""
    running = sum(one.state is State.RUNNING for one in view.work)
    waiting = sum(one.state in _QUEUED for one in view.work)
    said = f" · {running} running, {waiting} waiting"
    if view.wallet is not None:
        said += f" · {said_credits(view.wallet.credits.available_ucr)} to spend"
    if view.visitor.admin:
        count = len(view.waiting) + len(view.hours)
        waits = {0: "nothing waits", 1: "1 waits"}.get(count, f"{count} wait")
        said += f" · {waits} for you"
    return said


def _beginning() -> list[Block]:
    return [
        header("Bursar"),
        section("Compute for your team: ask for machines, see why they wait, and what they cost."),
        buttons(*beginnings()),
        context("no password is ever asked for in Slack"),
    ]


def _waiting(lines: tuple[DeploymentLine, ...]) -> list[Block]:
    return lists.approvals(lines[:_MOST_WAITING]) + _more(len(lines) - _MOST_WAITING, "approvals")


def _work(lines: tuple[DeploymentLine, ...]) -> list[Block]:
    """Each with what is done most often; all that can be done stands behind [Show]."""
    if not lines:
        return [section("Nothing of yours runs or waits.")]
    blocks: list[Block] = []
    for one in lines[:_MOST_WORK]:
        blocks += [section(lists.deployment_line(one, own=True)), buttons(*_acts(one))]
    return blocks + _more(len(lines) - _MOST_WORK, "list mine")


def _acts(one: DeploymentLine) -> list[Block]:
    acts = [lists.show_button(one.id)]
    if one.state in _QUEUED:
        acts.append(button("Why does it wait?", Action.WHY, one.id, label=f"say why {one.id} waits"))
    if one.state is State.RUNNING:
        acts.append(button("Logs", Action.LOGS, one.id, label=f"show what {one.id} has written"))
        sure = confirmation(f"Stop {one.id}?", "It can be started again.", "Stop it")
        acts.append(button("Stop", Action.STOP, one.id, label=f"stop {one.id}", confirm=sure))
    return acts


def _more(count: int, verb: str) -> list[Block]:
    return [context(f"and {count} more: `/bursar {verb}`")] if count > 0 else []


def _help() -> list[Block]:
    return [context("`/bursar help` says what you can do here · no message of yours is read")]
