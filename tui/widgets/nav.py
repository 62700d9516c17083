"""The second line: the main screens with their keys, and which of them this is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.plain import Plain

_NARROW = 100


class Place(NamedTuple):
    name: str
    key: str
    title: str
    short: str


PLACES = (
    Place("overview", "1", "Overview", "Home"),
    Place("queue", "2", "Queue", "Queue"),
    Place("deployments", "3", "Deployments", "Work"),
    Place("submit", "4", "Submit", "Submit"),
    Place("clusters", "5", "Clusters", "Clusters"),
    Place("approvals", "6", "Approvals", "Inbox"),
    Place("people", "7", "People", "People"),
    Place("money", "8", "Money", "Money"),
)


def ways() -> dict[str, str]:
    """Each word for a main screen with its name: the names themselves first, then what a narrow terminal calls them."""
    words = {place.name: place.name for place in PLACES}
    return {**words, **{place.short.lower(): place.name for place in PLACES if place.short.lower() not in words}}


class Nav(Plain):
    DEFAULT_CSS = """
    Nav { height: 1; background: $surface; text-wrap: nowrap; }
    """

    here: reactive[str] = reactive("")
    waiting: reactive[int] = reactive(0)

    @dataclass
    class Picked(Message):
        place: str

    def render(self) -> Content:
        parts: list[Content] = []
        for place in PLACES:
            style = "bold $background on $primary" if place.name == self.here else ""
            key = style or "$primary"
            parts.append(Content.assemble((f" {place.key}", key), (f" {self._title(place)} ", style)))
        return Content("").join(parts)

    @property
    def _is_narrow(self) -> bool:
        return self.app.size.width < _NARROW

    def on_click(self, event: events.Click) -> None:
        start = 0
        for place in PLACES:
            end = start + 1 + len(place.key) + 1 + len(self._title(place)) + 1
            if start <= event.x < end:
                self.post_message(self.Picked(place.name))
            start = end

    def _title(self, place: Place) -> str:
        title = place.short if self._is_narrow else place.title
        return f"{title} ({self.waiting})" if place.name == "approvals" and self.waiting else title
