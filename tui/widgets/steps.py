"""Fields one after the other: enter goes on to the next, and from the last the whole is entered.

The focus moves with the key itself, not by a message behind it: what is typed or pasted fast after a name must never
land in the name's field, since it may be a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input


class Steps(Vertical):
    DEFAULT_CSS = """
    Steps { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "step", "Go on", show=False, priority=True),
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
    ]

    @dataclass
    class Entered(Message):
        """Every field, in its order."""

        values: tuple[str, ...]

    def __init__(self, *fields: Input) -> None:
        super().__init__(*fields)

    def begin(self) -> None:
        """With the first that is not filled in yet."""
        self.screen.set_focus(next((field for field in self._fields if not field.value), self._fields[0]))

    def clear(self, *, but_first: bool = False) -> None:
        for field in self._fields[1 if but_first else 0 :]:
            field.value = ""

    def action_step(self) -> None:
        fields = self._fields
        here = fields.index(self.screen.focused) if self.screen.focused in fields else -1
        if here + 1 < len(fields):
            self.screen.set_focus(fields[here + 1])
        else:
            fields[-1].call_later(self._enter)  # behind the keys that are still on their way to it

    def _enter(self) -> None:
        self.post_message(self.Entered(tuple(field.value for field in self._fields)))

    @property
    def _fields(self) -> list[Input]:
        return list(self.query_children(Input).results(Input))
