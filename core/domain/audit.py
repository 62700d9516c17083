"""The audit chain: every row carries the hash of the one before, so that none can be changed or left out unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditRow:
    seq: int
    at: int
    actor: str
    face: str
    org_id: str | None
    verb: str
    target: str
    before: str | None
    after: str | None
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class BrokenLink:
    seq: int
    message: str


def link(
    previous: str,
    *,
    seq: int,
    at: int,
    actor: str,
    face: str,
    org_id: str | None,
    verb: str,
    target: str,
    before: str | None,
    after: str | None,
) -> str:
    """The hash that binds a row to its place. A JSON list keeps fields apart: "ab","c" is not "a","bc"."""
    content = _ENCODE([previous, seq, at, actor, face, org_id, verb, target, before, after])
    return hashlib.sha256(content.encode()).hexdigest()


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def first_break(rows: Iterable[AuditRow]) -> BrokenLink | None:
    """The first row where the chain does not hold; rows must come from the beginning, in order."""
    previous, expected = GENESIS, 1
    for row in rows:
        if row.seq != expected:
            return BrokenLink(expected, f"row {expected} is missing; the next is {row.seq}")
        if row.previous != previous:
            return BrokenLink(row.seq, f"row {row.seq} does not follow from row {row.seq - 1}")
        right = link(
            previous,
            seq=row.seq,
            at=row.at,
            actor=row.actor,
            face=row.face,
            org_id=row.org_id,
            verb=row.verb,
            target=row.target,
            before=row.before,
            after=row.after,
        )
        if row.hash != right:
            return BrokenLink(row.seq, f"row {row.seq} was changed after it was written")
        previous, expected = row.hash, row.seq + 1
    return None
