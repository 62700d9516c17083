"""A screen that goes by itself, once what it asked for has come."""

from __future__ import annotations

from textual import events, on
from textual.screen import Screen


class Passing(Screen[None]):
    _is_over = False

    def over(self) -> None:
        """At once; where another screen stands over it by then, as soon as that one has gone."""
        self._is_over = True
        if self.app.screen is self:  # what is dismissed is the topmost one, whoever asks
            self.dismiss(None)

    @on(events.ScreenResume)
    def _back_again(self) -> None:
        if self._is_over:
            self.over()
