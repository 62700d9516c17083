"""Something that happened, in a line: when, what, to whom. Shared by the screens that show what happens."""

from __future__ import annotations

from textual.content import Content

from core.views.browsing import EventLine
from tui.amounts import age
from tui.theme import Tone
from tui.widgets.plain import joined, text

# What happened to a deployment, by the last word of its kind.
_DEPLOYMENT: dict[str, tuple[str, Tone]] = {
    "submit": ("submitted", Tone.BUSY),
    "approve": ("approved", Tone.GOOD),
    "approved_own": ("approved by who asked", Tone.WAIT),
    "reject": ("rejected", Tone.BAD),
    "expire": ("nobody decided in time", Tone.DIM),
    "place": ("gets its place", Tone.BUSY),
    "requeue": ("back in the queue", Tone.WAIT),
    "delayed": ("could not start yet", Tone.WAIT),
    "stuck": ("is stuck", Tone.BAD),
    "seen_running": ("runs", Tone.GOOD),
    "seen_finished": ("completed", Tone.PLAIN),
    "seen_failed": ("failed", Tone.BAD),
    "seen_gone": ("has gone", Tone.WAIT),
    "suspend": ("suspended", Tone.WAIT),
    "resume": ("goes on", Tone.GOOD),
    "preempt": ("makes room", Tone.WAIT),
    "preempt_proved": ("made room", Tone.PLAIN),
    "run_out": ("ran out of credits", Tone.WAIT),
    "limit_near": ("is near its time limit", Tone.WAIT),
    "reach_limit": ("is at its time limit", Tone.WAIT),
    "limit_proved": ("ended at its time limit", Tone.PLAIN),
    "dependency_failed": ("failed with what it waited for", Tone.BAD),
    "cancel": ("is cancelled", Tone.PLAIN),
    "cancel_proved": ("cancelled", Tone.PLAIN),
    "stop": ("is stopped", Tone.PLAIN),
    "stop_proved": ("stopped", Tone.PLAIN),
    "start": ("started again", Tone.BUSY),
    "complete": ("marked complete", Tone.PLAIN),
    "complete_proved": ("is complete", Tone.PLAIN),
    "delete": ("is deleted", Tone.PLAIN),
    "delete_proved": ("deleted", Tone.PLAIN),
    "undelete": ("back from deletion", Tone.PLAIN),
    "priority": ("has another priority", Tone.PLAIN),
    "hours": ("got other hours", Tone.PLAIN),
    "ask_hours": ("asks for more time", Tone.WAIT),
}
# What happened to anything else, by its whole kind.
_OTHERS: dict[str, str] = {
    "cluster.create": "is a new cluster",
    "cluster.add_node": "has a new node",
    "cluster.share": "is shared",
    "cluster.change": "was changed",
    "cluster.node": "has a node in another state",
    "cluster.state": "is in another state",
    "cluster.delete": "is no cluster any more",
    "org.create": "is a new organization",
    "org.switch": "is worked in",
    "org.delete": "is no organization any more",
    "account.create": "is a new account",
    "account.disable": "is shut out",
    "account.enable": "is let in again",
    "login": "logged in",
    "login.failed": "could not log in",
    "session.end": "logged out",
    "password.change": "has a new password",
    "password.upgrade": "has a password that is kept more safely",
    "token.create": "is a new token",
    "token.revoke": "was revoked",
    "slack.link": "is linked with Slack",
    "slack.unlink": "is no longer linked with Slack",
    "member.join": "joined",
    "member.leave": "left",
    "member.remove": "was removed",
    "member.role": "has another role",
    "invite.create": "is a new invite",
    "invite.revoke": "was revoked",
    "invite.rotate": "has a new code",
}


def event_word(kind: str) -> tuple[str, Tone]:
    """`deployment.seen_running` is `runs`; what has no words of its own keeps those of the feed."""
    family, _, what = kind.partition(".")
    plain = what.replace("_", " ")
    if family == "deployment":
        return _DEPLOYMENT.get(what, (plain, Tone.PLAIN))
    return _OTHERS.get(kind, f"{family} {plain}".strip()), Tone.PLAIN


def event_line(event: EventLine, now: int) -> Content:
    words, tone = event_word(event.kind)
    who = event.name or event.subject
    # Which other state it is; a deployment's own words say it already.
    detail = f": {event.detail}" if event.detail and not event.kind.startswith("deployment.") else ""
    return joined(
        text(f"{age(event.at, now):>4} ", Tone.DIM), text(f"{who} "), text(words, tone), text(detail, Tone.DIM)
    )
