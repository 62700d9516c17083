"""Something that happened, told once, below the card of the deployment it happened to."""

from __future__ import annotations

from collections.abc import Mapping

from bot.blocks.deployment import extend_button
from bot.blocks.lists import channel_words
from bot.blocks.parts import Block, Message, button, buttons, context, message, section
from bot.ids import Action
from bot.markup import moment, moment_utc, safe_slack
from bot.wording import both_books, state_words
from core.domain.chat import NoticeKind
from core.views.money import Sum
from core.views.work import DeploymentCard

Facts = Mapping[str, object]


def approved(view: DeploymentCard, facts: Facts) -> Message:
    by = str(facts.get("by", ""))
    return _said(
        f"{view.name} was approved by {by} and is in the queue", f"✓ approved by {safe_slack(by)}; in the queue"
    )


def started(view: DeploymentCard, _facts: Facts) -> Message:
    node = view.node or view.cluster
    costs = both_books(view.rate)
    return _said(f"{view.name} runs on {node}, {costs} an hour", f"▶ runs on {safe_slack(node)}, {costs} an hour")


def limit_near(view: DeploymentCard, facts: Facts) -> Message:
    ends_at = facts.get("ends_at")
    ends = ends_at if isinstance(ends_at, int) else 0
    blocks = [section(f"⚠ its time limit comes {moment(ends)}; then it is stopped"), buttons(extend_button(view.id))]
    return message(f"{view.name} reaches its time limit at {moment_utc(ends)} and is stopped then", blocks)


def preempted(view: DeploymentCard, facts: Facts) -> Message:
    reason = str(facts.get("reason") or "preempted")
    return _said(f"{view.name}: {reason}; it goes back into the queue", f"◍ {safe_slack(reason)}; back into the queue")


def ended(view: DeploymentCard, facts: Facts, refund: Sum) -> Message:
    """How, what it has cost, and what came back."""
    state, cost = str(facts.get("state", view.state.value)).replace("_", " "), both_books(view.cost)
    back = f", {both_books(refund)} given back" if refund.credits_ucr or refund.gpu_ms else ""
    why = f" — {view.reason}" if view.reason else ""
    said = f"{state_words(view.state)} · cost {cost}{back}" + (f" — {safe_slack(view.reason)}" if view.reason else "")
    return _said(f"{view.name}: {state}{why}; cost {cost}{back}", said)


def linked(facts: Facts) -> Message:
    """Nobody is linked without knowing, and the way back is one press away."""
    account = str(facts.get("account", ""))
    end = button("Unlink", Action.UNLINK, "me", label="end the link with this account", style="danger")
    return message(
        f"you act as {account} in Bursar from now on",
        [
            section(f"✓ you act as *{safe_slack(account)}* from now on; `/bursar help` says what you can do"),
            buttons(end),
        ],
    )


def unsure(facts: Facts) -> Message:
    channel, delivery = str(facts.get("channel", "")), str(facts.get("delivery", ""))
    again = button("Post again", Action.POST_AGAIN, delivery, label="post the report again")
    where = channel_words(channel)
    said = f"⚠ a report for {where} was perhaps posted and perhaps not; look there, and only if it is missing:"
    blocks: list[Block] = [section(said), buttons(again), context("it is never posted again by itself")]
    return message(f"a report for {channel} was perhaps not posted; look there before you post it again", blocks)


def _said(text: str, shown: str) -> Message:
    return message(text, [section(shown)])


OF_DEPLOYMENT = {
    NoticeKind.APPROVED: approved,
    NoticeKind.STARTED: started,
    NoticeKind.LIMIT_NEAR: limit_near,
    NoticeKind.PREEMPTED: preempted,
}
