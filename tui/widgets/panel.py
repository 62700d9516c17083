"""A part of a screen with its title: a box where there is room for one, a line above it where there is not."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from tui.widgets.plain import text


class Panel(Vertical, can_focus=False):
    """Its looks stand in app.tcss: they go by the size of the whole screen."""

    def __init__(self, title: str, *children: Widget, **how: str | None) -> None:
        super().__init__(*children, **how)  # type: ignore[arg-type]
        self.entitle(title)

    def entitle(self, title: Content | str) -> None:
        """What people wrote in a title is no markup either."""
        self.border_title = title if isinstance(title, Content) else text(title)
