"""The faults of the simulated hypervisor: which there are, how settings name them, and whose turn it is.

A fault is kept in the world, so that it strikes whichever process calls next.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import dataclass

from core.domain.engines import Trouble
from core.domain.errors import Invalid
from core.drivers.scripted import world

VERBS = ("ensure", "observe", "stop", "forget", "suspend", "resume", "logs", "discover")
HANG = "hang"  # no answer within the deadline, nothing done
LOST_ANSWER = "lost_answer"  # no answer within the deadline, but done
TRUNCATED = "truncated"  # observe shows half, and says so
KINDS = (HANG, LOST_ANSWER, TRUNCATED, *(code.value for code in Trouble))
ANY = "any"

_RULE = re.compile(r"(?P<verb>[a-z]+):(?P<kind>[a-z_]+)(?:@(?P<share>0\.[0-9]{1,3}|1|0))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    verb: str
    kind: str
    share_milli: int = 1000


def parse_rules(text: str) -> tuple[Rule, ...]:
    """`ensure:hang@0.05,observe:engine_down`: a verb or `any`, a fault, and the share of calls that it strikes."""
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def parse_share(name: str, text: str) -> int:
    """A share between 0 and 1 in thousandths."""
    if not re.fullmatch(r"0(\.[0-9]{1,3})?|1(\.0{1,3})?", text, re.ASCII):
        raise Invalid("bad_setting", f"{name}: {text[:40]!a} is not a share", "give a number from 0 to 1, such as 0.01")
    return round(float(text) * 1000)


def checked(verb: str, kind: str) -> Rule:
    if verb != ANY and verb not in VERBS:
        raise Invalid("bad_setting", f"faults: {verb[:40]!a} is no verb", f"verbs: {ANY}, {', '.join(VERBS)}")
    if kind not in KINDS:
        raise Invalid("bad_setting", f"faults: {kind[:40]!a} is no fault", f"faults: {', '.join(KINDS)}")
    return Rule(verb, kind)


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None:
        raise Invalid("bad_setting", f"faults: {text[:60]!a} is not a rule", "give VERB:FAULT or VERB:FAULT@0.05")
    rule = checked(match["verb"], match["kind"])
    return Rule(rule.verb, rule.kind, parse_share("faults", match["share"] or "1"))


def strike(db: sqlite3.Connection, verb: str, rules: tuple[Rule, ...], seed: str) -> str | None:
    """The fault that meets this call, if any. One with a number of times has one time less after it."""
    waiting = db.execute(
        "SELECT id, kind, times, share_milli FROM faults WHERE verb IN (?, ?) ORDER BY id", (verb, ANY)
    )
    for id_, kind, times, share in waiting.fetchall():
        if times is not None:
            db.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (id_,))
            db.execute("DELETE FROM faults WHERE times = 0")
        if drawn(db, share, seed):
            return str(kind)
    for rule in rules:
        if rule.verb in (verb, ANY) and drawn(db, rule.share_milli, seed):
            return rule.kind
    return None


def drawn(db: sqlite3.Connection, share_milli: int, seed: str) -> bool:
    """Chance that is the same in every run with the same seed and the same calls."""
    if share_milli in (0, 1000):
        return share_milli == 1000
    digest = hashlib.sha256(f"{seed}:{world.next_count(db, 'draws')}".encode()).digest()
    return int.from_bytes(digest[:8]) % 1000 < share_milli
