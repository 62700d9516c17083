"""More time that a member may not take alone: asked of who decides, and once it is decided, who gave it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.blocks.approval import Decision
from bot.blocks.deployment import facts
from bot.blocks.lists import show_button
from bot.blocks.parts import Block, Message, button, buttons, context, fields, message, section
from bot.ids import Action
from bot.markup import moment, safe_slack
from bot.wording import rough_books, state_words
from core.domain.flavors import GPU_HOUR_MS
from core.domain.lifecycle import FINAL, State
from core.domain.resources import format_duration
from core.views.chat import HoursAsked
from core.views.money import Sum
from core.views.work import DeploymentCard

_OVER = FINAL | {State.STOPPING, State.STOPPED}


def more_time(view: DeploymentCard, asked: Mapping[str, object], decision: Decision | None = None) -> Message:
    """`asked` is how long it might run when it was asked, how much more is wanted, by whom, and why it is asked."""
    had, more = (value if isinstance(value, int) else 0 for value in (asked.get("had_ms"), asked.get("more_ms")))
    wants = f"{format_duration(more)} more for {view.name}"
    if decision is not None or view.state in _OVER or view.hours_ms != had:
        return _settled(view, wants, decision)
    in_all = f"{format_duration(had + more)} in all, for {rough_books(_price(view, more))} more"
    head = f"*{safe_slack(view.owner)}* asks for {format_duration(more)} more for *{safe_slack(view.name)}*: {in_all}"
    blocks: list[Block] = [section(f"◔ {head}"), fields(facts(view))]
    blocks.append(buttons(give_button(view.id, more, had), show_button(view.id)))
    why = f" · {safe_slack(str(asked['why']), 500)}" if asked.get("why") else ""
    blocks.append(context(f"{view.id} · {safe_slack(view.org)}{why} · without it, it is stopped at its limit"))
    return message(f"{view.owner} asks for {wants}: {in_all}. Give it?", blocks)


def asked_line(ask: HoursAsked) -> Block:
    """The same in a line, for a list of what waits."""
    in_all = f"{format_duration(ask.had_ms + ask.more_ms)} in all"
    head = (
        f"*{safe_slack(ask.owner)}* asks for {format_duration(ask.more_ms)} more for *{safe_slack(ask.name)}*: {in_all}"
    )
    return section(f"{head} · {ask.id}", give_button(ask.id, ask.more_ms, ask.had_ms))


def give_button(handle: str, more_ms: int, had_ms: int) -> Block:
    """It carries what it was decided on: of two who press it, one gives."""
    value = f"{handle} {_seconds(more_ms)} {_seconds(had_ms)}"
    more = format_duration(more_ms)
    return button(f"Give {more}", Action.GIVE, value, label=f"give {handle} {more} more", style="primary")


def _settled(view: DeploymentCard, wants: str, decision: Decision | None) -> Message:
    if decision is None:
        text = f"{view.owner} asked for {wants}; by now it does not matter any more"
        return message(text, [section(safe_slack(text)), context(f"{view.id} is {state_words(view.state)}")])
    _, who, at = decision
    text = f"{view.owner} asked for {wants}; {who} gave it more time"
    return message(
        text, [section(f"{safe_slack(text)} {moment(at)}"), context(f"{view.id} is {state_words(view.state)}")]
    )


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}s"


def _price(view: DeploymentCard, more_ms: int) -> Sum:
    rate = view.rate
    return Sum(rate.credits_ucr * more_ms // GPU_HOUR_MS, rate.gpu_ms * more_ms // GPU_HOUR_MS)
