"""How a key of a screen becomes commands: whom it is for, whether it fits, and what is asked before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen

from tui.actions import Action, Command, may, only_if_still, preset_of
from tui.console import Console
from tui.screens.form import FormScreen
from tui.screens.sure import SureScreen
from tui.theme import Tone
from tui.widgets.plain import Plain, text
from tui.widgets.table import LineTable


class Acting(Screen[None]):
    """A screen says its actions; what they are for is said by `subjects`."""

    THING: ClassVar[str] = "what is under the cursor"
    HIDES_UNFIT: ClassVar[bool] = False  # where one thing alone is shown, what does not fit it is no key at all
    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    def __init_subclass__(cls, **how: Any) -> None:
        own = list(cls.__dict__.get("BINDINGS", ()))
        cls.BINDINGS = own + [Binding(a.key, f"act('{a.name}')", a.label) for a in cls.ACTIONS if a.key]
        super().__init_subclass__(**how)

    # For each screen to say

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        """What an action is for: the word that names each in a command, and the one that people know it by."""
        del action
        return ()

    def owners(self) -> Sequence[str]:
        return ()

    def org_of(self, subject: str) -> str | None:
        """Where a subject belongs, if that is another organization than one's own."""
        del subject
        return None

    def undo(self, action: Action, subject: str) -> Command | None:
        """What would take this action back, as long as it is not done yet; None where nothing would."""
        del action, subject
        return None

    def fixed(self, action: Action) -> dict[str, Sequence[str]]:
        """What the screen knows of a command besides its subject."""
        return dict(preset_of(action, self.console.who))

    # What all do

    @property
    def console(self) -> Console:
        assert isinstance(self.app, Console)
        return self.app

    def _say(self, content: Content) -> None:
        self.query_one(".echo", Plain).say(content)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What one may never do is not offered; what does not fit the thing in hand is shown as out of reach."""
        if action != "act":
            return True
        wanted = self._action(str(parameters[0]))
        if not may(self.console.who, wanted.verb):
            return False
        if wanted.subject is None or (wanted.asks and not self.subjects(wanted)):
            return True
        own = all(may(self.console.who, wanted.verb, owner) for owner in self.owners())
        if own and self.subjects(wanted):
            return True
        return False if self.HIDES_UNFIT else None

    def on_key(self, event: events.Key) -> None:
        """A key that is out of reach says why, since it is there to be read."""
        for action in self.ACTIONS:
            if action.key == event.key and self.check_action("act", (action.name,)) is not True:
                self._say(text(self.out_of_reach(action), Tone.DIM))

    def out_of_reach(self, action: Action) -> str:
        """Why somebody cannot do this here and now."""
        if not may(self.console.who, action.verb) or not all(
            may(self.console.who, action.verb, owner) for owner in self.owners()
        ):
            return f"{action.label}: not yours to do; {action.verb.help}"
        return f"{action.label} does not fit {self.THING}"

    def action_act(self, name: str) -> None:
        self.act(self._action(name))

    def act(self, action: Action) -> None:
        """Fill in, make sure, then do: each by what the action says of itself."""
        chosen = self.subjects(action) if action.subject else [("", "")]
        if action.asks and not chosen:
            chosen = [("", "")]
        if not chosen:
            self._say(text(f"nothing to {action.label.lower()} here", Tone.DIM))
            return
        if self._has_slipped(action, chosen):
            return
        commands = [self._command(action, word, known_as) for word, known_as in chosen]
        if action.fill:
            self.app.push_screen(FormScreen(action, commands))
            return
        if not action.sure:
            self.console.do(commands)
            return
        self.app.push_screen(SureScreen.of(action, commands, [name for _, name in chosen]), self.console.sure)

    def _has_slipped(self, action: Action, chosen: Sequence[tuple[str, str]]) -> bool:
        """Where the row that the cursor stood on has gone by itself, what acts at once asks to be said once more."""
        tables = self.query(LineTable)
        slipped = [table for table in tables if table.slipped_off is not None and not table.marked]
        asks = bool(slipped) and action.subject is not None and not action.fill and not action.sure
        for table in tables:
            table.slipped_off = None
            table.will_lose(word for word, _ in chosen)
        if asks:
            words = f"the line under the cursor has gone, it is now on {chosen[0][1]}: {action.key} again to"
            self._say(text(f"{words} {action.label.lower()} that", Tone.WAIT))
        return asks

    def _command(self, action: Action, subject: str, known_as: str) -> Command:
        texts = {**self.fixed(action), **({action.subject: (subject,)} if action.subject and subject else {})}
        undo, org = self.undo(action, subject), self.org_of(subject)
        if undo is not None:
            undo = replace(undo, org=org)
        command = Command(action.verb, texts, known_as=known_as, undo=undo, shows=action.shows, org=org)
        return only_if_still(command, undo) if action.fill and undo is not None else command

    def _action(self, name: str) -> Action:
        return next(action for action in self.ACTIONS if action.name == name)
