"""What somebody has set up in the console to their liking, kept in the home over restarts. Nothing depends on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from core.domain.errors import BursarError
from tui.cli.place import Place

FILE_NAME = "console.json"
Save = Callable[[bytes], None]


class Preferences:
    """The theme, and for each table its order and its columns; what is not set is as the screen says."""

    def __init__(self, content: bytes = b"", save: Save = lambda _content: None) -> None:
        self._save = save
        self._known = _read(content)

    @classmethod
    def of(cls, place: Place) -> Preferences:
        path = place.home / FILE_NAME
        try:
            content = place.read_private(path) if path.exists() else b""
        except BursarError:
            content = b""
        return cls(content, lambda changed: place.write_private(path, changed))

    @property
    def theme(self) -> str | None:
        found = self._known.get("theme")
        return found if isinstance(found, str) else None

    def order(self, table: str) -> tuple[str, bool] | None:
        """By which column, and whether backwards."""
        match self._of("order", table):
            case [str() as by, bool() as backwards]:
                return by, backwards
        return None

    def columns(self, table: str) -> Mapping[str, bool]:
        """Whether a column is shown, of those about which somebody has decided."""
        match self._of("columns", table):
            case dict() as found:
                return {str(head): bool(shown) for head, shown in found.items()}
        return {}

    def set_theme(self, name: str) -> None:
        self._keep({**self._known, "theme": name})

    def set_order(self, table: str, by: str, *, backwards: bool) -> None:
        self._set("order", table, [by, backwards])

    def set_columns(self, table: str, shown: Mapping[str, bool]) -> None:
        self._set("columns", table, dict(shown))

    def _of(self, what: str, table: str) -> object:
        found = self._known.get(what)
        return found.get(table) if isinstance(found, dict) else None

    def _set(self, what: str, table: str, value: object) -> None:
        found = self._known.get(what)
        self._keep({**self._known, what: {**(found if isinstance(found, dict) else {}), table: value}})

    def _keep(self, known: dict[str, Any]) -> None:
        """What cannot be written holds until the console ends: that is no reason to disturb anybody."""
        self._known = known
        try:
            self._save(json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
        except BursarError:
            return


def _read(content: bytes) -> dict[str, Any]:
    """Whatever is no such file is as good as none."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
