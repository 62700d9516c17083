"""How things look: the tone, sign and word of each state, and the two themes. Colour never says anything alone."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from textual.theme import Theme

from core.domain.lifecycle import State
from core.views.operations import Verdict


class Tone(StrEnum):
    """What a colour means; the themes say which colour it is."""

    PLAIN = "plain"
    GOOD = "good"
    BUSY = "busy"
    WAIT = "wait"
    BAD = "bad"
    DIM = "dim"
    MARK = "mark"
    LOUD = "loud"


# In text that a widget draws; in tables the same tones are component classes.
STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.GOOD: "$success",
    Tone.BUSY: "$primary",
    Tone.WAIT: "$warning",
    Tone.BAD: "$error",
    Tone.DIM: "$foreground-muted",
    Tone.MARK: "$accent",
    Tone.LOUD: "bold",
}


class Look(NamedTuple):
    sign: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        return f"{self.sign} {self.word}"


LOOKS: dict[State, Look] = {
    State.AWAITING_APPROVAL: Look("◷", "approval", Tone.WAIT),
    State.QUEUED: Look("◌", "queued", Tone.BUSY),
    State.STARTING: Look("◔", "starting", Tone.BUSY),
    State.RUNNING: Look("●", "running", Tone.GOOD),
    State.SUSPENDED: Look("◑", "suspended", Tone.WAIT),
    State.STOPPING: Look("◒", "stopping", Tone.WAIT),
    State.STOPPED: Look("○", "stopped", Tone.DIM),
    State.COMPLETED: Look("✓", "completed", Tone.DIM),
    State.FAILED: Look("✗", "failed", Tone.BAD),
    State.CANCELLED: Look("⊘", "cancelled", Tone.DIM),
    State.REJECTED: Look("⊗", "rejected", Tone.BAD),
    State.EXPIRED: Look("◇", "expired", Tone.DIM),
    State.DELETED: Look("∅", "deleted", Tone.DIM),
}

NODE_LOOKS: dict[str, Look] = {
    "up": Look("●", "up", Tone.GOOD),
    "cordoned": Look("◑", "cordoned", Tone.WAIT),
    "drained": Look("○", "drained", Tone.WAIT),
    "draining": Look("◒", "draining", Tone.WAIT),
    "down": Look("✗", "down", Tone.BAD),
    "paused": Look("◑", "paused", Tone.WAIT),
}


VERDICT_LOOKS: dict[Verdict, Look] = {
    Verdict.OK: Look("✓", "OK", Tone.GOOD),
    Verdict.WARN: Look("▲", "WARN", Tone.WAIT),
    Verdict.FAIL: Look("✗", "FAIL", Tone.BAD),
}
FREE = Look("·", "free", Tone.DIM)
SHARED = Look("◆", "shared", Tone.BUSY)
OTHERS = Look("■", "another organization's", Tone.DIM)
DEVICE_LOOKS = (FREE, SHARED, OTHERS)  # what runs on a device alone has the sign of its state


def node_look(state: str, *, is_held: bool = False) -> Look:
    """Of a drained node it matters whether something still runs there."""
    word = "draining" if state == "drained" and is_held else state
    return NODE_LOOKS.get(word, Look("?", word, Tone.DIM))


def _variables(*, muted: str, rule: str, thumb: str, track: str) -> dict[str, str]:
    """What a theme says besides its colours: quiet words, the lines of boxes, and scrollbars that stay behind."""
    bars = {"scrollbar": thumb, "scrollbar-hover": muted, "scrollbar-active": muted}
    tracks = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    return {
        "foreground-muted": muted,
        "rule": rule,
        "block-cursor-text-style": "bold",
        "scrollbar-corner-color": track,
        **bars,
        **dict.fromkeys(tracks, track),
    }


DARK = Theme(
    name="bursar-dark",
    dark=True,
    background="#10151b",
    surface="#151b22",
    panel="#1d252e",
    foreground="#d6dde5",
    primary="#6cb2f7",
    secondary="#8da2b8",
    accent="#d59bf6",
    success="#6fcf87",
    warning="#e6b450",
    error="#f4716b",
    variables=_variables(muted="#8794a3", rule="#2e3945", thumb="#3b4856", track="#151b22"),
)
LIGHT = Theme(
    name="bursar-light",
    dark=False,
    background="#fbfcfd",
    surface="#f3f5f8",
    panel="#e6eaef",
    foreground="#1d2733",
    primary="#0a5fc0",
    secondary="#55677a",
    accent="#8a35c2",
    success="#187a33",
    warning="#8a5a00",
    error="#bb2d25",
    variables=_variables(muted="#5f6d7b", rule="#cdd4dc", thumb="#b9c2cc", track="#f3f5f8"),
)
THEMES = (DARK, LIGHT)
