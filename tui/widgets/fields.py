"""The arguments of a verb as fields to fill in; what is typed stays text until the verb reads it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Checkbox, Input, Select

from core.commands.verbs import Argument, Kind
from core.domain.text import safe_text
from tui.theme import Tone
from tui.widgets.field import LONGEST, Field
from tui.widgets.plain import Plain, joined, text


class Fields(VerticalScroll, can_focus=False):
    DEFAULT_CSS = """
    Fields {
        height: auto;
        & .field { height: 1; }
        & .label { width: 14; color: $foreground-muted; }
        & .field:focus-within .label { color: $primary; text-style: bold; }
        & Input, & Input:focus { border: none; height: 1; width: 28; padding: 0 1; background: $panel; }
        & Select { width: 28; }
        & SelectCurrent { background: $panel; }
        & Checkbox, & Checkbox:focus { border: none; height: 1; width: 28; padding: 0 1; background: $panel; }
        & .means { width: 1fr; padding: 0 1; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    .-narrow Fields Input { width: 24; }
    """

    class Changed(Message):
        pass

    @dataclass
    class Submitted(Message):
        pass

    def __init__(self, arguments: Sequence[Argument], preset: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._arguments = tuple(arguments)
        self._preset = dict(preset or {})

    def compose(self) -> ComposeResult:
        for argument in self._arguments:
            with Horizontal(classes="field"):
                star = text("*", Tone.WAIT) if argument.required else text("")
                yield Plain(joined(text(argument.name.replace("_", " ")), star), classes="label")
                yield self._field(argument)
                yield Plain(text(argument.help), classes="means")

    def _field(self, argument: Argument) -> Input | Select[str] | Checkbox:
        given = self._preset.get(argument.name, "")
        name = _id(argument)
        if argument.kind is Kind.FLAG:
            return Checkbox("yes", given == "yes", id=name, compact=True)
        if argument.choices:
            choices = [(Content(choice), choice) for choice in argument.choices]
            blank = Content(argument.default or "")
            return Select(
                choices,
                prompt=blank.plain,
                value=given if given in argument.choices else Select.NULL,
                id=name,
                compact=True,
            )
        return Field(given, argument.default, id=name, max_length=LONGEST, select_on_focus=False, compact=True)

    def suggest(self, argument: str, words: Sequence[str]) -> None:
        """Offer names while one types."""
        for field in self.query(f"#field-{argument}").results(Input):
            field.suggester = SuggestFromList([safe_text(word) for word in words], case_sensitive=False)

    def put(self, argument: str, value: str) -> None:
        for field in self.query(f"#field-{argument}").results(Field):
            field.fill(value)

    def focus_first(self) -> None:
        empty = [f for f in self.query(Input) if not f.value]
        for field in (empty or list(self.query(Input)))[:1]:
            field.focus()

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
        if isinstance(field, Select):
            return () if field.value is Select.NULL else (str(field.value),)
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
