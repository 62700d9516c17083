"""The arguments of a verb as fields to fill in; what is typed stays text until the verb reads it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Checkbox, Input, Select

from core.commands.verbs import Argument, Kind
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.pick import Pick
from tui.widgets.plain import Plain, joined, text


class Fields(Vertical, can_focus=False):
    """`picks` are the arguments whose words are offered by the screen, and are picked rather than typed.

    `now` is what the arguments are at present: it stands dimmed in a field as long as nothing is typed.
    """

    DEFAULT_CSS = """
    Fields {
        height: auto;
        & .rows { height: auto; }
        & .field { height: 1; }
        & .label { width: 14; color: $foreground-muted; }
        & .field:focus-within .label { color: $primary; text-style: bold; }
        & Input, & Input:focus { border: none; height: 1; width: 28; padding: 0 1; background: $panel; }
        & Pick { width: 28; }
        & Checkbox, & Checkbox:focus { border: none; height: 1; width: 28; padding: 0 1; background: $panel; }
        & .means { width: 1fr; padding: 0 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & .hint { height: 1; margin-top: 1; color: $secondary; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    # The focus moves with the key itself: what is typed fast behind it must not land in the field before.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
        Binding("down", "app.focus_next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Field before", show=False),
    ]

    class Changed(Message):
        pass

    @dataclass
    class Submitted(Message):
        pass

    def __init__(
        self,
        arguments: Sequence[Argument],
        preset: Mapping[str, str] | None = None,
        picks: Sequence[str] = (),
        now: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self._now = {name: " ".join(words) for name, words in (now or {}).items()}
        self._arguments = tuple(arguments)
        self._preset = dict(preset or {})
        self._picks = frozenset(picks)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="rows", can_focus=False):
            for argument in self._arguments:
                with Horizontal(classes="field"):
                    star = text("*", Tone.WAIT) if argument.required else text("")
                    yield Plain(joined(text(argument.name.replace("_", " ")), star), classes="label")
                    yield self._field(argument)
                    yield Plain(text(argument.help), classes="means")
        yield Plain(classes="hint")

    def _field(self, argument: Argument) -> Input | Pick | Checkbox:
        given = self._preset.get(argument.name, "")
        name = _id(argument)
        if argument.kind is Kind.FLAG:
            return Checkbox("yes", given == "yes", id=name, compact=True)
        if argument.choices or argument.name in self._picks:
            return Pick(argument.choices, self._dimmed(argument), given, name=name)
        return Field(given, self._dimmed(argument), id=name, max_length=LONGEST, select_on_focus=False, compact=True)

    def _dimmed(self, argument: Argument) -> str:
        return self._now.get(argument.name) or argument.default or ""

    def offer(self, argument: str, words: Sequence[str]) -> None:
        """The words that can be picked."""
        for field in self.query(f"#field-{argument}").results(Pick):
            field.offer(words)

    def put(self, argument: str, value: str) -> None:
        for field in self.query(f"#field-{argument}"):
            if isinstance(field, Field):
                field.fill(value)
            elif isinstance(field, Pick):
                field.wish(value)

    def focus_first(self) -> None:
        empty = [f for f in self.query(Input) if not f.value]
        for field in (empty or list(self.query(Input)))[:1]:
            field.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """What the field under the cursor means, in full: beside it there may be no room."""
        here = {node.id for node in event.widget.ancestors_with_self}
        argument = next((a for a in self._arguments if _id(a) in here), None)
        if argument is not None:
            self.query_one(".hint", Plain).say(text(argument.help))

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """What was typed, by argument; what was left empty is not in it."""
        found: dict[str, tuple[str, ...]] = {}
        for argument in self._arguments:
            words = self._words(argument)
            if words:
                found[argument.name] = words
        return found

    def _words(self, argument: Argument) -> tuple[str, ...]:
        field = self.query_one(f"#{_id(argument)}")
        if isinstance(field, Checkbox):
            return ("yes",) if field.value else ()
        if isinstance(field, Pick):
            return (field.picked,) if field.picked else ()
        assert isinstance(field, Input)
        value = field.value.strip()
        if not value:
            return ()
        return _several(value) if argument.repeated else (value,)

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())


def _id(argument: Argument) -> str:
    return f"field-{argument.name}"


def _several(value: str) -> tuple[str, ...]:
    """Words as a shell takes them apart; an open quote is taken for a sign like others."""
    try:
        return tuple(shlex.split(value))
    except ValueError:
        return tuple(value.split())
