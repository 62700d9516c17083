"""Something that happened, told once, below the card of the deployment it happened to.

Each names what it is about: a notification shows a message without what stands above it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.blocks.deployment import after_it, extend_button, logs_button, ran_ms
from bot.blocks.lists import channel_words
from bot.blocks.parts import Block, Message, button, buttons, context, message, section
from bot.ids import COMMAND, Action
from bot.markup import moment, moment_utc, safe_slack
from bot.wording import rough_books, state_words
from core.domain.chat import DeliveryKind, FundsLevel, NoticeKind
from core.domain.kinds import Kind
from core.domain.lifecycle import State
from core.domain.resources import format_duration
from core.views.money import Sum
from core.views.work import DeploymentCard

Facts = Mapping[str, object]

_MINUTE, _SOON_MIN = 60_000_000, 60


def approved(view: DeploymentCard, facts: Facts) -> Message:
    by = str(facts.get("by", ""))
    return _said(
        f"{view.name} was approved by {by} and is in the queue",
        f"{_named(view)} ✓ approved by {safe_slack(by)}; in the queue",
    )


def started(view: DeploymentCard, _facts: Facts) -> Message:
    node = view.node or view.cluster
    costs = rough_books(view.rate)
    return _said(
        f"{view.name} runs on {node}; {costs} an hour", f"{_named(view)} ▶ runs on {safe_slack(node)}; {costs} an hour"
    )


def limit_near(view: DeploymentCard, facts: Facts) -> Message:
    ends, now = (value if isinstance(value, int) else 0 for value in (facts.get("ends_at"), facts.get("now")))
    minutes = max(0, -(-(ends - now) // _MINUTE))
    soon = f" in {minutes} min" if 0 < minutes < _SOON_MIN else ""
    blocks = [
        section(f"⚠ {_named(view)} reaches its time limit{soon}: it is stopped {moment(ends)}"),
        buttons(extend_button(view)),
    ]
    return message(f"{view.name} reaches its time limit{soon} and is stopped then, {moment_utc(ends)}", blocks)


def preempted(view: DeploymentCard, facts: Facts) -> Message:
    reason = str(facts.get("reason") or "preempted") + (f" ({facts['for']})" if facts.get("for") else "")
    then = "it stops with its disk and can be started again" if view.kind is Kind.VM else "it goes back into the queue"
    return _said(f"{view.name}: {reason}; {then}", f"{_named(view)} ◍ {safe_slack(reason)}; {then}")


def hours(view: DeploymentCard, facts: Facts) -> Message:
    """Somebody else has given it more time than it had, or less than was asked for."""
    limit, by = facts.get("limit_ms"), str(facts.get("by", ""))
    may = f"may run {format_duration(limit)} in all" if isinstance(limit, int) else "has another time limit"
    return _said(f"{view.name} {may}, says {by}", f"{_named(view)} {may}, says *{safe_slack(by)}*")


def ended(view: DeploymentCard, facts: Facts, refund: Sum) -> Message:
    """How, why and after how long, what it has cost, and what came back; and what it wrote is one press away."""
    state = str(facts.get("state", view.state.value)).replace("_", " ")
    cost = rough_books(view.cost) if view.cost != Sum() else "nothing"
    back = f", {rough_books(refund)} given back" if refund.credits_ucr or refund.gpu_ms else ""
    why = f" — {view.reason}" if view.reason else ""
    by = str(facts.get("by", ""))
    whose = f" by {by}" if state in _BY_SOMEBODY and by not in ("", view.owner, "daemon") else ""
    lasted = f" after {format_duration(ran_ms(view))}" if ran_ms(view) else ""
    text = f"{view.name}: {state}{whose}{lasted}{why}; cost {cost}{back}"
    said = f"{_named(view)} {state_words(State(str(facts['state'])))}{safe_slack(f'{whose}{lasted}{why}')}"
    stopped = facts["state"] == State.STOPPED.value
    acts = [logs_button(view)] * bool(view.runs) if stopped else after_it(view)
    return message(text, [section(f"{said} · cost {cost}{back}"), *([buttons(*acts)] if acts else [])])


_BY_SOMEBODY = frozenset({State.REJECTED.value, State.CANCELLED.value, State.STOPPED.value, State.COMPLETED.value})


def more(facts: Facts) -> Message:
    most = facts.get("most")
    if facts.get("of") == DeliveryKind.APPROVAL.value:
        text, verb = f"so much waits for a decision that of what is more than {most} nothing comes here", "approvals"
    else:
        text, verb = f"you ask for much at once: of what is more than {most} there is no card and no news", "list mine"
    return message(f"{text}; {COMMAND} {verb} shows all", [section(f"{text}; `{COMMAND} {verb}` shows all")])


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


def report_failed(facts: Facts) -> Message:
    """Why a report could not be posted, and what whoever asked for it can do."""
    channel, schedule, reason = (str(facts.get(name, "")) for name in ("channel", "schedule", "reason"))
    said = (
        f"✗ the report {safe_slack(schedule)} cannot be posted in {channel_words(channel)}: {safe_slack(reason, 300)}"
    )
    help_with = _FOR_REASON.get(reason, "`/bursar report list` shows how your reports stand")
    acts = [button("Post now", Action.REPORT_RUN, schedule, label=f"post {schedule} now")]
    if facts.get("paused"):
        said += "; it is paused, since it failed several times"
        acts.append(button("Go on", Action.REPORT_MUTE, schedule, label=f"go on with {schedule}"))
    return message(
        f"the report {schedule} cannot be posted in {channel}: {reason}",
        [section(said), context(help_with), buttons(*acts)],
    )


_INVITE = "I am not in that channel: say `/invite @bursar` there, then press"
_FOR_REASON = {
    "not_in_channel": _INVITE,
    "channel_not_found": _INVITE,
    "is_archived": "the channel is archived; ask for the report in another: `/bursar report here`",
}


def funds(facts: Facts) -> Message:
    """How far the money is used up, what that changes, and what would help."""
    level, whose, in_credits = FundsLevel(str(facts["level"])), facts.get("whose"), bool(facts.get("credits"))
    used, left = (value if isinstance(value, int) else 0 for value in (facts.get("used"), facts.get("left")))
    unit = "credits" if in_credits else "GPU-hours"
    there = rough_books(Sum(left, 0) if in_credits else Sum(0, left)) if left > 0 else f"no {unit}"
    if level is FundsLevel.FILLED:
        mine = "your" if whose is not None else "the treasury's"
        text = f"{mine} {unit} are filled up: {there} left; what is asked for is taken again"
        return _said(text, f"✓ {text}")
    percent = min(100, used * 100 // (used + left)) if left > 0 else 100
    if whose is None:
        follows = _FOLLOWS[level] if level is FundsLevel.STOPPED else _OF_TREASURY
        text = f"{percent} % of the treasury's {unit} are given away or used, {there} left: {follows}"
        help_with = f"an operator fills it, in a terminal: bursar grant --treasury --{unit.lower()} N"
    else:
        text = f"{percent} % of your {unit} are used, {there} left: {_FOLLOWS[level]}"
        help_with = f"an admin can give more: `{COMMAND} grant {safe_slack(str(whose))} {unit.lower()} N`"
    glyph = "⚠" if level in (FundsLevel.LOW, FundsLevel.NEARLY_EMPTY) else "✗"
    return message(text, [section(f"{glyph} {text}"), context(help_with)])


_OF_TREASURY = "without it nobody new gets a start, and nothing can be granted"
_FOLLOWS = {
    FundsLevel.LOW: "nothing changes yet",
    FundsLevel.NEARLY_EMPTY: "from now on what you ask for needs an approval",
    FundsLevel.EMPTY: "nothing new is taken, and services and machines stop in a while; what is held runs on",
    FundsLevel.STOPPED: "services and machines that drew on them are stopped, with their disks",
    FundsLevel.FILLED: "",
}


def given(facts: Facts) -> Message:
    amounts = (value if isinstance(value, int) else 0 for value in (facts.get("credits_ucr"), facts.get("gpu_ms")))
    amount, by, reason = rough_books(Sum(*amounts)), str(facts.get("by", "")), facts.get("reason")
    why = f"“{safe_slack(str(reason), 500)}”" if reason else ""
    blocks = [section(f"✓ *{safe_slack(by)}* gave you {amount}"), *([context(why)] if why else [])]
    return message(f"{by} gave you {amount}" + (f": {reason}" if reason else ""), blocks)


def removed(facts: Facts) -> Message:
    by, org = str(facts.get("by", "")), str(facts.get("org") or "")
    text = f"{by} took you out of {org}: nothing of it comes to you any more, and what you had is back in its treasury"
    return message(
        text, [section(safe_slack(text)), context(f"a code from an admin lets you in again: `{COMMAND} join`")]
    )


def out_of_reach() -> Message:
    """Stands where a message stood whose reader may see what it is about no more; its buttons are of no use."""
    text = "what stood here is not yours to see any more"
    return message(text, [context(text)])


def _named(view: DeploymentCard) -> str:
    return f"*{safe_slack(view.name)}*"


def _said(text: str, shown: str) -> Message:
    return message(text, [section(shown)])


OF_DEPLOYMENT = {
    NoticeKind.APPROVED: approved,
    NoticeKind.STARTED: started,
    NoticeKind.LIMIT_NEAR: limit_near,
    NoticeKind.PREEMPTED: preempted,
    NoticeKind.HOURS: hours,
}
# Notices that are about no deployment: what they say is all in their facts.
OF_ITSELF = {
    NoticeKind.MORE: more,
    NoticeKind.LINKED: linked,
    NoticeKind.UNSURE: unsure,
    NoticeKind.REPORT_FAILED: report_failed,
    NoticeKind.FUNDS: funds,
    NoticeKind.GIVEN: given,
    NoticeKind.REMOVED: removed,
}
