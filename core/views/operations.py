"""Views for those who run an installation: the audit, the doctor's findings, backups."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AuditLine:
    seq: int
    at: int
    actor: str
    face: str
    org: str | None
    verb: str
    target: str
    before: str | None
    after: str | None
    name: str | None = None  # of the deployment or cluster that it happened to


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the chain holds. `head` can be written down elsewhere: a shorter chain then shows."""

    holds: bool
    rows: int
    head: str
    broken_at: int | None
    message: str


class Verdict(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the doctor: what was looked at, how it stands, and what would mend it."""

    id: str
    check: str
    verdict: Verdict
    message: str
    repair: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RoundDone:
    """What `daemon --once` did: rounds until nothing more could be done, and what an engine could not do."""

    leading: bool
    rounds: int
    moved: int
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupMade:
    path: str
    bytes: int
    sha256: str
    audit_rows: int
    audit_head: str
    schema: str | None
    manifest: str
    entries: int
    minted_credits_ucr: int
    minted_gpu_ms: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next` asks for what follows."""

    items: tuple[T, ...]
    next: str | None = None
