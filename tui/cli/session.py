"""Who is logged in at this terminal: one private file in the home, as good as a password while it lasts."""

from __future__ import annotations

import json
from pathlib import Path

from core.domain.errors import BursarError, Invalid, Unavailable
from core.views.people import LoggedIn
from tui.cli.place import Place
from tui.format import iso

FILE_NAME = "session.json"


class Session:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._path: Path = place.home / FILE_NAME

    @property
    def token(self) -> str | None:
        """What proves who asks: the environment's token, else the session's, else nothing."""
        if self._place.token:
            return self._place.token
        if not self._path.exists():
            return None
        try:
            return str(json.loads(self._place.read_private(self._path))["access_token"])
        except BursarError:
            if not self._path.exists():
                return None  # another program has logged out this moment
            raise
        except (ValueError, KeyError, TypeError):
            raise Invalid("session_unreadable", f"{self._path} holds no session", "bursar login NAME") from None

    def begin(self, answer: LoggedIn) -> None:
        content = {
            "name": answer.name,
            "access_token": answer.access_token,
            "token_type": answer.token_type,
            "expires_at": iso(answer.expires_at),
        }
        self._place.write_private(self._path, json.dumps(content, indent=1).encode() + b"\n")

    def end(self) -> None:
        """Forget the session of the file; a token from the environment is not ours to forget."""
        if self._place.token:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                "session_not_removed", f"{self._path} cannot be removed: {error.strerror}", "remove it by hand"
            ) from None
