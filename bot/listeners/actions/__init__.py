"""Buttons. Rights and states are asked again at the press: a card may be old, and so may be a membership."""

from __future__ import annotations

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.ids import Action
from bot.listeners.actions import (
    acts,
    again,
    approve,
    begin,
    change,
    check,
    confirm,
    extend,
    joining,
    look,
    reject,
    reports,
    schedule,
)
from bot.listeners.frame import PressWork, on_press
from bot.payloads import Press

WORK: dict[Action, PressWork] = {
    Action.APPROVE: approve.pressed,
    Action.CHANGE: change.pressed,
    Action.REJECT: reject.pressed,
    Action.CANCEL: acts.cancel,
    Action.STOP: acts.stop,
    Action.START: acts.start,
    Action.RESUME: acts.resume,
    Action.EXTEND: extend.pressed,
    Action.GIVE: extend.given,
    Action.WHY: look.why,
    Action.LOGS: look.logs,
    Action.SHOW: look.show,
    Action.REPORT_RUN: reports.run,
    Action.REPORT_MUTE: reports.mute,
    Action.JOIN: joining.pressed,
    Action.SCHEDULE: schedule.pressed,
    Action.POST_AGAIN: again.pressed,
    Action.UNLINK: begin.unlink,
    Action.REGISTER: begin.register,
    Action.LINK: begin.link_of,
    Action.NEW_REQUEST: begin.new_request,
    Action.AGAIN: begin.again,
    Action.CHECK: check.pressed,
    Action.CHANGED: check.pressed,
    Action.CONFIRM: confirm.pressed,
}


async def nothing(_desk: Desk, _press: Press) -> Message | None:
    """Inputs that were changed, links that were opened, and buttons of messages older than this program."""
    return None


def hang(app: AsyncApp, desk: Desk) -> None:
    for action, work in WORK.items():
        on_press(app, desk, action.value, work)
    on_press(app, desk, re.compile(".*"), nothing)
