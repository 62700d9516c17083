"""Which host this is, for drivers whose world exists on one host only.

From another host their listing would be empty, and an empty listing would be taken for proof that all has ended.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from core.domain.engines import Setting, Trouble, trouble

MACHINE = Setting("machine", "the host it is bound to; by itself the one where the cluster was created")


@cache
def this_machine(root: Path = Path("/")) -> str:
    """The same through reboots and renamings, another on every host; a container without an id goes by its name."""
    for place in ("etc/machine-id", "var/lib/dbus/machine-id"):
        try:
            known_as = (root / place).read_text().strip()
        except OSError:
            continue
        if known_as:
            break
    else:
        known_as = platform.node()
    return "m-" + hashlib.sha256(known_as.encode()).hexdigest()[:12]


def bound_here(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with the host filled in where none was named."""
    return {MACHINE.name: this_machine(), **settings}


def only_on(machine: str | None) -> None:
    here = this_machine()
    if machine and machine != here:
        raise trouble(
            Trouble.OTHER_HOST,
            f"this cluster lives on host {machine}, and this is {here}",
            "run the daemon there",
        )
