"""The second line: the main screens with their keys, and which of them this is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from core.domain.columns import columns
from tui.widgets.plain import Plain

_HERE = "bold $background on $primary"


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
    Place("reports", "9", "Reports", "Use"),
)
# Without a key of their own: the overview leads there, and their names behind the colon.
MORE = (
    Place("audit", "", "Audit", "Audit"),
    Place("health", "", "Health", "Health"),
)
_TITLES = [place.title for place in PLACES]
_SHORT = [place.short for place in PLACES]


def ways() -> dict[str, str]:
    """Each word for a main screen with its name: the names themselves first, then what a narrow terminal calls them."""
    words = {place.name: place.name for place in (*PLACES, *MORE)}
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
        """The one that is here stands on a ground of its own, with a space on either side."""
        parts, before = [], False
        for place, title, gap in self._fitted:
            here = place.name == self.here
            style = _HERE if here else ""
            parts += [
                Content.styled(" " * (gap - 1), _HERE if before else ""),
                Content.styled(" ", _HERE if here or (before and gap == 1) else ""),
                Content.assemble((place.key, style or "$primary"), (f" {title}", style)),
            ]
            before = here
        return Content("").join([*parts, Content.styled(" ", _HERE if before else "")])

    def on_click(self, event: events.Click) -> None:
        start = 0
        for place, title, gap in self._fitted:
            end = start + gap + columns(place.key) + 1 + columns(title)
            if start < event.x <= end:
                self.post_message(self.Picked(place.name))
            start = end

    @property
    def _fitted(self) -> list[tuple[Place, str, int]]:
        """Each with its title and the spaces before it: the whole titles where they fit, and air between them."""
        for titles, gap in ((_TITLES, 2), (_TITLES, 1), (_SHORT, 2), (_SHORT, 1)):
            fitted = [
                (place, self._counted(place, title), gap if number else 1)
                for number, (place, title) in enumerate(zip(PLACES, titles, strict=True))
            ]
            if sum(gap + columns(place.key) + 1 + columns(title) for place, title, gap in fitted) < self.app.size.width:
                break
        return fitted

    def _counted(self, place: Place, title: str) -> str:
        return f"{title} ({self.waiting})" if place.name == "approvals" and self.waiting else title
