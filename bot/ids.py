"""The names by which Slack hands back what was pressed, chosen and filled in. What they carry is an opaque id."""

from __future__ import annotations

from enum import StrEnum

COMMAND = "/bursar"


class Action(StrEnum):
    APPROVE = "approve"
    CHANGE = "change"
    REJECT = "reject"
    CANCEL = "cancel"
    STOP = "stop"
    START = "start"
    RESUME = "resume"
    EXTEND = "extend"
    GIVE = "give_hours"
    WHY = "why"
    LOGS = "logs"
    SHOW = "show"
    REPORT_RUN = "report_run"
    REPORT_MUTE = "report_mute"
    JOIN = "join"
    SCHEDULE = "report_schedule"
    POST_AGAIN = "post_again"
    UNLINK = "unlink"
    REGISTER = "register"
    LINK = "link"
    NEW_REQUEST = "new_request"
    AGAIN = "ask_again"
    CHECK = "check_request"
    CONFIRM = "confirm"
    CHANGED = "changed"  # an input that says so at once


class Form(StrEnum):
    """Callback ids of modals and shortcuts."""

    DEPLOY = "deploy"
    APPROVE = "approve"
    REJECT = "reject"
    JOIN = "join"
    DONE = "done"
    NEW_REQUEST = "new_request"


VALUE = "value"  # the action id of an input; its block's id says which
