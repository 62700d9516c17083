"""The last line: the keys that do something here, as many as fit. What one types for the rest is always there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events
from textual.content import Content

from core.domain.columns import columns
from tui.theme import Tone
from tui.widgets.plain import Plain, joined, text

_GAP = 2
_ALWAYS = ("prompt", "help")  # they lead to everything else, so they never give way
_MORE = "…"


class Key(NamedTuple):
    """One key of the line; `enabled` is whether it would do something now."""

    key: str
    shown: str
    label: str
    enabled: bool

    @property
    def width(self) -> int:
        return columns(self.shown) + 1 + columns(self.label)


def fitted(first: Sequence[Key], always: Sequence[Key], width: int) -> list[Key | None]:
    """The keys in their order, the last of `first` left out where there is too little room; None where some are."""
    room = width - sum(key.width + _GAP for key in always)
    kept: list[Key | None] = []
    for place, key in enumerate(first):
        more = _GAP + 1 if place + 1 < len(first) else 0
        if key.width + _GAP + more > room:
            return [*kept, None, *always]
        kept.append(key)
        room -= key.width + _GAP
    return [*kept, *always]


class Keys(Plain):
    DEFAULT_CSS = """
    Keys { height: 1; background: $surface; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, Key]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: object) -> None:
        self.refresh()

    def render(self) -> Content:
        """From the left what is done here, at the right what leads to the rest."""
        first, always = self._known()
        width = self.content_size.width
        shown = fitted(first, always, width)
        taken = sum((1 if key is None else key.width) + _GAP for key in shown) - _GAP
        parts: list[Content] = []
        self._places, at = [], 0
        for place, key in enumerate(shown):
            if place == len(shown) - len(always):
                spare = max(0, width - taken)
                parts.append(text(" " * spare))
                at += spare
            if key is not None:
                self._places.append((at, at + key.width, key))
            parts.append(_drawn(key))
            at += (1 if key is None else key.width) + _GAP
            if place + 1 < len(shown):
                parts.append(text(" " * _GAP))
        return joined(*parts)

    def on_click(self, event: events.Click) -> None:
        at = event.x - 1
        for start, end, key in self._places:
            if start <= at < end and key.enabled:
                self.app.simulate_key(key.key)

    def _known(self) -> tuple[list[Key], list[Key]]:
        found: dict[str, tuple[bool, Key]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.action not in found:
                key = Key(binding.key, self.app.get_key_display(binding), binding.description, active.enabled)
                found[binding.action] = (binding.action in _ALWAYS, key)
        keys = list(found.values())
        return [key for always, key in keys if not always], [key for always, key in keys if always]


def _drawn(key: Key | None) -> Content:
    if key is None:
        return text(_MORE, Tone.DIM)
    first, then = (Tone.BUSY, Tone.PLAIN) if key.enabled else (Tone.DIM, Tone.DIM)
    return joined(text(key.shown, first), " ", text(key.label, then))
