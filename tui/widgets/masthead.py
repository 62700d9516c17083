"""The first line: who works where, who leads, and how old is what the screen shows."""

from __future__ import annotations

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from core.domain.columns import columns, cut
from core.views.people import AccountCard
from tui.theme import Tone
from tui.widgets.plain import Plain, joined, text


class Masthead(Plain):
    DEFAULT_CSS = """
    Masthead { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    who: reactive[AccountCard | None] = reactive(None)
    standing: reactive[tuple[str, str, Tone]] = reactive(("", "", Tone.DIM))

    class Clicked(Message):
        """For more about who is here."""

    def on_click(self) -> None:
        self.post_message(self.Clicked())

    def render(self) -> Content:
        """The right part gives way before the left one."""
        left = joined(text("BURSAR", Tone.BUSY), self._who())
        sign, words, tone = self.standing
        room = self.size.width - columns(left.plain) - 2
        right = cut(f"{sign} {words}".strip(), max(0, room))
        gap = " " * max(1, self.size.width - columns(left.plain) - columns(right))
        return joined(left, gap, text(right, tone))

    def _who(self) -> Content:
        if self.who is None:
            return text("  nobody is logged in", Tone.DIM)
        roles = [self.who.role.value] if self.who.role else []
        roles += ["operator"] if self.who.operator else []
        place = text(f"  {self.who.org}" if self.who.org else "  no organization", Tone.LOUD)
        return joined(place, text(f"  {self.who.name}"), text(f" ({', '.join(roles) or 'guest'})", Tone.DIM))
