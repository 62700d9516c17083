"""Heads of the audit chain that backups remember, outside the store: a chain that was cut off is whole, only short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from core.store.manifest import SUFFIX
from core.store.repositories.journal import audit
from core.views.operations import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Anchor:
    """That the chain had so many rows when a backup was made, and how the last of them was sealed."""

    name: str
    made_at: int
    rows: int
    head: str


def finding(connection: Connection, folder: Path, install: str | None) -> Finding:
    """Whether the chain still holds every row that a backup of this installation has seen."""
    lost = _lost_by_restores(connection)
    anchors = [one for one in _anchors(folder, install) if one.rows and not any(a < one.made_at <= b for a, b in lost)]
    for anchor in sorted(anchors, key=lambda one: one.made_at):
        found = connection.execute(select(audit.c.hash).where(audit.c.seq == anchor.rows)).scalar_one_or_none()
        if found != anchor.head:
            what = "is not there any more" if found is None else "is another one now"
            message = f"{anchor.name} remembers row {anchor.rows}, which {what}"
            return Finding("I-A3", "audit anchors", Verdict.FAIL, message, "compare with that backup")
    count = len(anchors)
    message = f"what backups remember is all there ({count} compared)" if count else "no backup yet remembers a head"
    return Finding("I-A3", "audit anchors", Verdict.OK, message, None)


def _anchors(folder: Path, install: str | None) -> Iterator[Anchor]:
    """What is no manifest, or one of another installation, says nothing of this chain."""
    for file in folder.glob(f"*{SUFFIX}"):
        try:
            found = json.loads(file.read_bytes())
            if found["install"] == install:
                yield Anchor(file.name.removesuffix(SUFFIX), found["made_at"], found["audit_rows"], found["audit_head"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _lost_by_restores(connection: Connection) -> list[tuple[int, int]]:
    """From when to when the chain was another one: a backup that was brought back knows nothing of what came after."""
    restored = connection.execute(select(audit.c.at, audit.c.after).where(audit.c.verb == "store.restore"))
    return [(int(json.loads(after)["made_at"]), at) for at, after in restored]
