"""Any verb as a form: its arguments to fill in, its command line as it grows, and its refusal where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.commands.verbs import Bursar
from core.domain.errors import BursarError
from core.domain.roles import Caller
from tui.actions import Action, Command
from tui.console import Console
from tui.messages import Did, NotDone, Questioned, Refused
from tui.screens.passing import Passing
from tui.screens.sure import SureScreen
from tui.theme import Tone
from tui.widgets.fields import Fields
from tui.widgets.plain import Plain, joined, text


class FormScreen(Passing, ModalScreen[None]):
    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it", show=False),
        Binding("ctrl+s", "submit", "Do it", show=False),
    ]

    def __init__(self, action: Action, commands: Sequence[Command]) -> None:
        """`commands` are what is known already of each thing that the form is for."""
        super().__init__()
        self._action = action
        self._known = tuple(commands)
        self._doing = False
        skipped = {*action.hidden, *commands[0].texts}
        self._arguments = [a for a in action.verb.arguments if a.name not in skipped and not a.secret]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(joined(text(self._action.label, Tone.LOUD), text(f"  {self._whom}", Tone.MARK)))
            yield Plain(text(self._action.verb.help, Tone.DIM), classes="help")
            yield Fields(self._arguments, now=self._present)
            yield Plain(classes="line")
            yield Plain(classes="refusal")
            yield Plain(text("enter does it · tab goes on · esc leaves it", Tone.DIM))

    def on_mount(self) -> None:
        self.query_one(Fields).focus_first()
        self._show_line()

    @property
    def _whom(self) -> str:
        return self._known[0].known_as if len(self._known) == 1 else f"{len(self._known)} things"

    @property
    def _present(self) -> Mapping[str, Sequence[str]]:
        """What is there now is what an undo would bring back."""
        undo = self._known[0].undo if len(self._known) == 1 else None
        return undo.texts if undo is not None and undo.verb is self._action.verb else {}

    @property
    def commands(self) -> list[Command]:
        """The same for each thing."""
        typed = self.query_one(Fields).texts
        shows = self._action.shows
        return [replace(known, texts={**known.texts, **typed}, shows=shows) for known in self._known]

    @on(Fields.Changed)
    def _show_line(self) -> None:
        first, *others = self.commands
        more = f"  and {len(others)} more" if others else ""
        self.query_one(".line", Plain).say(text(f"$ {first.line}{more}", Tone.DIM))

    @on(Fields.Submitted)
    def action_submit(self) -> None:
        """Once: a second press while the first is on its way does nothing."""
        if self._doing:
            return
        command, *others = commands = self.commands
        try:
            _ = command.values
        except BursarError as error:
            self._refuse(error)
            return
        if others:  # each settles by itself, and the console tells of them all
            self.dismiss(None)
            self._desk.do(commands)
            return
        self._doing = True
        ask = command.verb.question
        if ask is None:
            self._do([command])
            return

        def question(bursar: Bursar, caller: Caller) -> Questioned:
            return Questioned(command, ask(bursar, command.asked_by(caller), command.values))

        self._desk.gateway.ask(self, question, about="question")

    @on(Questioned)
    def _questioned(self, event: Questioned) -> None:
        """What the verb wants to be sure of stands over the form; who thinks better of it is back in it."""
        event.stop()
        self.app.push_screen(
            SureScreen(f"{self._action.label}?", event.question.text, [event.command], event.question.word), self._do
        )

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self._doing = False
        self._refuse(event.error)

    def _do(self, commands: Sequence[Command] | None) -> None:
        self._doing = bool(commands)
        for command in commands or ():
            self._desk.gateway.ask_to_do(self, command)

    @property
    def _desk(self) -> Console:
        assert isinstance(self.app, Console)
        return self.app

    @on(NotDone)
    def _not_done(self, event: NotDone) -> None:
        self._doing = False
        self._refuse(event.error)

    @on(Did)
    def _did(self, event: Did) -> None:
        event.stop()  # it would reach the console by itself as well, and be told twice
        app = self.app
        self.over()
        app.post_message(Did(event.command, event.answer))

    def _refuse(self, error: BursarError) -> None:
        hint = text(f"\n{error.hint}", Tone.DIM, lines=True) if error.hint else ""
        self.query_one(".refusal", Plain).say(joined(text(f"✗ {error.message}", Tone.BAD), hint))

    def action_leave(self) -> None:
        if not self._doing:
            self.dismiss(None)
