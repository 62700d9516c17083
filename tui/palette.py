"""The palette: screens and verbs by fuzzy match, deployments by asking the store for a few that fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from core.commands.table import VERBS
from core.domain.errors import BursarError
from core.domain.text import safe_text
from core.views.work import DeploymentLine
from tui.actions import Action, Command, may
from tui.console import Console
from tui.screens.form import FormScreen
from tui.theme import LOOKS
from tui.widgets.nav import MORE, PLACES

_MOST = 50
_BELOW_COMMANDS = 0.1


class PaletteOfCommands(Provider):
    """Our own words alone: nothing that a tenant wrote is matched one by one."""

    async def discover(self) -> Hits:
        for title, help_, run in self._commands():
            yield DiscoveryHit(Text(title), run, title, help_)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help_, run in self._commands():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, Text(title), run, title, help_)

    def _commands(self) -> list[tuple[str, str, Callable[[], None]]]:
        console = self.app
        assert isinstance(console, Console)
        found: list[tuple[str, str, Callable[[], None]]] = [
            (
                f"Go to {place.title}",
                f"key {place.key}" if place.key else f":{place.name}",
                partial(console.go, place.name),
            )
            for place in (*PLACES, *MORE)
        ]
        found += [(word, help_, partial(console.run_line, line)) for word, help_, line in _OWN]
        for verb in VERBS:
            if verb.terminal_only or not may(console.who, verb):
                continue
            if any(argument.required or argument.positional for argument in verb.arguments):
                action = Action(verb.name, "", verb.name, verb.path, fill=True, shows=True)
                found.append((verb.name, verb.help, partial(_open_form, console, action)))
            else:
                found.append((verb.name, verb.help, partial(console.run_line, verb.name)))
        return found


_OWN = (
    ("Go to Account", "key 0: your organizations, tokens and links", "account"),
    ("Change theme", "dark or light", "theme"),
    ("Log out", "end the session, here and on the command line", "logout"),
    ("Help", "the keys that work now", "help"),
    ("Quit", "leave the console", "quit"),
)


def _open_form(console: Console, action: Action) -> None:
    console.push_screen(FormScreen(action, [Command(action.verb)]))


class PaletteOfDeployments(Provider):
    async def search(self, query: str) -> Hits:
        console = self.app
        assert isinstance(console, Console)
        if console.who is None or console.who.org is None:
            return
        for line in await asyncio.to_thread(_found, console, query):
            shown = Text(f"{safe_text(line.name)}  {LOOKS[line.state].text}  {line.id}")
            run = partial(console.open_deployment, line.id)
            yield Hit(_BELOW_COMMANDS, shown, run, line.id, "open the deployment")


def _found(console: Console, query: str) -> tuple[DeploymentLine, ...]:
    bursar, caller = console.gateway.bursar(), console.gateway.caller()
    try:
        ids = bursar.browsing.order(caller, filter=query.strip())[:_MOST]
        return bursar.browsing.lines(caller, ids)
    except BursarError:  # a word that is no filter finds nothing
        return ()
