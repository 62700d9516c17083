"""Whether a container ended because its engine did: then nobody's program failed.

Two kinds of evidence: when the engine's process on this host began, and when we found the engine away. A container
that was killed at such a time, and not by us, was ended by the restart.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path

from core.clock import SECOND

# An engine that goes gives its containers so long before it kills them; one that comes back stops what it finds.
_BEFORE, _AFTER = 15 * SECOND, 20 * SECOND
_KILLED = frozenset({137, 143, 255})
_PEER = struct.Struct("3i")


class EngineLife:
    def __init__(self, place: Path | None) -> None:
        self._place = place  # its socket, where it is one of this host
        self._guard = threading.Lock()
        self._began_at: int | None = None
        self._away: list[tuple[int, int]] = []
        self._away_since: int | None = None

    def answered(self, now: int) -> None:
        """Each look that succeeds, before what it shows is judged."""
        began = None if self._place is None else process_start(self._place, now)
        with self._guard:
            self._began_at = began
            if self._away_since is not None:
                self._away = [*self._away[-9:], (self._away_since, now)]
                self._away_since = None

    def was_away(self, now: int) -> None:
        with self._guard:
            if self._away_since is None:
                self._away_since = now

    def ended(self, started_at: int | None, finished_at: int | None, exit_code: int | None) -> bool:
        if exit_code not in _KILLED or started_at is None or finished_at is None:
            return False
        with self._guard:
            spans = [*self._away, *([] if self._began_at is None else [(self._began_at, self._began_at)])]
        return any(started_at < since and since - _BEFORE <= finished_at <= until + _AFTER for since, until in spans)


def process_start(place: Path, now: int) -> int | None:
    """When the process that listens on a socket began; None where another one holds the socket open for it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(5)
            line.connect(str(place))
            pid, _, _ = _PEER.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        if Path(f"/proc/{pid}/comm").read_text().strip() in ("systemd", "init"):
            return None
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        up_s = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return now - round((up_s - ticks / os.sysconf("SC_CLK_TCK")) * SECOND)
