"""Help from the keys that work at this moment, so that it cannot be out of date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen

from tui.theme import DEVICE_LOOKS, LOOKS, NODE_LOOKS, Look, Tone
from tui.widgets.hanging import Hanging
from tui.widgets.nav import PLACES
from tui.widgets.plain import Plain, joined, stacked, text
from tui.widgets.table import LineTable

_NAMES = {
    "colon": ":",
    "slash": "/",
    "question_mark": "?",
    "minus": "-",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "up": "↑",
    "down": "↓",
}
_HERE, _LISTS, _EVERYWHERE = "here", "in lists", "everywhere"
_KEYS_WIDE = 17
_SIDE_BY_SIDE = 96  # columns of a terminal
_NOTES = (
    "behind the colon: any verb, also a line from a shell; a screen's name, also audit and health; theme, logout, quit",
)
_MOST_COMMANDS = 8
_KIND_WIDE, _SIGN_WIDE = 13, 13
_NO_HELP = ("go(", "app.focus", "screen.")  # the screens are one line, and what every program has is none


class HelpKey(NamedTuple):
    keys: str
    what: str
    enabled: bool


def keys_of(screen: Screen[None], general: frozenset[str]) -> dict[str, list[HelpKey]]:
    """What works on that screen, by where it works; `general` are the actions that every screen has.

    How widgets scroll and how the focus goes round is nobody's question, and is left out.
    """
    found: dict[str, dict[str, tuple[list[str], bool]]] = {_HERE: {}, _LISTS: {}, _EVERYWHERE: {}}
    for active in screen.active_bindings.values():
        where = _where(active, screen, general)
        binding = active.binding
        if where is None or not binding.description or binding.system or binding.action.startswith(_NO_HELP):
            continue
        shown = binding.key_display or _NAMES.get(binding.key, binding.key)
        names, enabled = found[where].setdefault(binding.description, ([], active.enabled))
        names.append(shown)
        found[where][binding.description] = (names, enabled and active.enabled)
    return {
        where: [HelpKey(" ".join(names), what, enabled) for what, (names, enabled) in keys.items()]
        for where, keys in found.items()
    }


def _where(active: ActiveBinding, screen: Screen[None], general: frozenset[str]) -> str | None:
    if isinstance(active.node, LineTable):
        return _LISTS
    if active.node is screen:
        return _EVERYWHERE if active.binding.action in general else _HERE
    return _EVERYWHERE if active.node is screen.app else None


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "app.pop_screen", "Close", show=False)
    ]

    def __init__(
        self, title: str, keys: dict[str, list[HelpKey]], notes: Sequence[str], commands: Sequence[Content]
    ) -> None:
        super().__init__()
        self._title, self._keys, self._notes = title, keys, notes
        self._commands = commands[-_MOST_COMMANDS:]

    def compose(self) -> ComposeResult:
        screens = HelpKey(f"{PLACES[0].key}-{PLACES[-1].key} 0", "the screens above, your account", True)
        here = self._part(self._title, self._keys[_HERE])
        everywhere = self._part("everywhere", [screens, *self._keys[_EVERYWHERE]])
        lists = self._part("in lists", self._keys[_LISTS])
        side_by_side = self.app.size.width >= _SIDE_BY_SIDE
        with VerticalScroll(classes="box") as box:
            box.border_subtitle = text("esc closes")
            with Horizontal(classes="parts") if side_by_side else Vertical(classes="parts"):
                yield Plain(stacked(here), classes="part")
                yield Plain(stacked([*everywhere, *lists]), classes="part")
            yield Hanging([text(note, Tone.DIM) for note in (*self._notes, *_NOTES)])
            yield Plain(text("signs", Tone.LOUD), classes="signs")
            across = 5 if side_by_side else 4
            kinds = (("deployments", LOOKS.values()), ("nodes", NODE_LOOKS.values()), ("GPUs", DEVICE_LOOKS))
            yield Plain(stacked([line for kind, looks in kinds for line in _signs(kind, tuple(looks), across)]))
            if self._commands:
                yield Plain(text("commands done", Tone.LOUD), classes="done")
                yield Plain(stacked(list(self._commands)))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    @staticmethod
    def _part(title: str, keys: Sequence[HelpKey]) -> list[Content]:
        return [text(title, Tone.LOUD), *(_key_line(key) for key in keys), text("")] if keys else []


def _signs(kind: str, looks: Sequence[Look], across: int) -> Iterator[Content]:
    """So many beside each other, that a sign and its word are never parted by the end of a line."""
    for start in range(0, len(looks), across):
        head = text(f"{'' if start else kind:<{_KIND_WIDE}}", Tone.DIM)
        yield joined(head, *(text(f"{one.text:<{_SIGN_WIDE}}", one.tone) for one in looks[start : start + across]))


def _key_line(key: HelpKey) -> Content:
    first, then = (Tone.BUSY, Tone.PLAIN) if key.enabled else (Tone.DIM, Tone.DIM)
    return joined(text(f"{key.keys:<{_KEYS_WIDE}}", first), text(key.what, then))
