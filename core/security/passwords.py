"""Passwords: hashing, verifying (also what other systems stored), and one way of answering for everybody.

bcrypt sees at most 72 bytes, so it gets the base64 of an HMAC over the whole password. Knows no accounts;
what a password may be is in `password_rules`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bcrypt

from core.domain.errors import Invalid, Unavailable

LARGEST_BYTES = 1_024
USUAL_COST = 12
_TAG = "b2s1"
_PRE_HASH_KEY = b"bursar-bcrypt-v1"
# The salt's last sign carries two bits only; bcrypt refuses the others with an error, and at once.
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_PASSLIB = re.compile(r"\$pbkdf2-sha256\$(\d{1,8})\$([A-Za-z0-9./]{1,400})\$([A-Za-z0-9./]{43})", re.ASCII)
_DJANGO = re.compile(r"pbkdf2_sha256\$(\d{1,8})\$([A-Za-z0-9./+=_-]{1,400})\$([A-Za-z0-9+/]{43}=)", re.ASCII)
# A stored hash may come from a file: one that would take minutes is not computed.
_MOST_COST = 16
_MOST_ROUNDS = 5_000_000

# Each hash keeps a core busy for some tenths of a second; more at once would let a flood of log-ins take the machine.
_SLOTS = threading.BoundedSemaphore(2)
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password fits, and whether its hash should be replaced by one made now."""

    right: bool
    outdated: bool = False


def hash_password(password: str, cost: int = USUAL_COST) -> str:
    material = _pre_hash(password)
    if material is None:
        raise Invalid(
            "password_unreadable", "the password cannot be hashed", f"use text of up to {LARGEST_BYTES} bytes"
        )
    with _slot():
        return _TAG + bcrypt.hashpw(material, bcrypt.gensalt(cost)).decode()


def check_password(password: str, stored: str | None, cost: int = USUAL_COST) -> Verdict:
    """The one way to judge a log-in. No account (`stored` is None), a wrong password and a malformed hash answer
    the same and take the same time: a bcrypt of `cost` is computed in each case."""
    material = _pre_hash(password)
    if material is None:
        return Verdict(False)
    with _slot():
        own = _own_hash(stored)
        if own is not None:
            right = _bcrypt_matches(material, own)
            return Verdict(right, right and _cost_of(own) != cost)
        if stored is not None and _foreign_matches(password, stored):
            return Verdict(True, outdated=True)
        _bcrypt_matches(material, _nobodys_hash(cost))
        return Verdict(False)


def needs_upgrade(stored: str, cost: int = USUAL_COST) -> bool:
    own = _own_hash(stored)
    return own is None or _cost_of(own) != cost


def refuse_unknown_hash(stored: str) -> None:
    """For an import: only what `check_password` can verify later is taken. The hash itself is never repeated."""
    if not (_own_hash(stored) or _usable_bcrypt(stored) or _passlib_parts(stored) or _django_parts(stored)):
        raise Invalid(
            "hash_unknown",
            "the password hash is of an unknown form",
            "known: $pbkdf2-sha256$rounds$salt$hash, pbkdf2_sha256$rounds$salt$hash, $2b$cost$...",
        )


def password_bytes(password: str) -> bytes | None:
    """The password as it counts, in one Unicode form; None where it is too long or no text."""
    if len(password) > LARGEST_BYTES:
        return None
    try:
        if len(password.encode()) > LARGEST_BYTES:
            return None
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None


def _pre_hash(password: str) -> bytes | None:
    plain = password_bytes(password)
    return None if plain is None else base64.b64encode(hmac.new(_PRE_HASH_KEY, plain, hashlib.sha384).digest())


@contextmanager
def _slot() -> Iterator[None]:
    if not _SLOTS.acquire(timeout=_PATIENCE_S):
        raise Unavailable("log_ins_busy", "too many log-ins at once", "try again in a minute")
    try:
        yield
    finally:
        _SLOTS.release()


def _own_hash(stored: str | None) -> str | None:
    return _usable_bcrypt(stored.removeprefix(_TAG)) if stored is not None and stored.startswith(_TAG) else None


def _usable_bcrypt(text: str) -> str | None:
    match = _BCRYPT.fullmatch(text)
    return text if match and 4 <= int(match[1]) <= _MOST_COST else None


def _cost_of(bcrypt_hash: str) -> int:
    return int(bcrypt_hash[4:6])


def _bcrypt_matches(material: bytes, bcrypt_hash: str) -> bool:
    return bcrypt.checkpw(material, bcrypt_hash.encode())


def _nobodys_hash(cost: int) -> str:
    # Well formed and matched by no password; written down so that no first call takes twice the time.
    return f"$2b${cost:02d}${'.' * 22}{'.' * 31}"


def _foreign_matches(password: str, stored: str) -> bool:
    plain = password.encode()
    bcrypt_hash = _usable_bcrypt(stored)
    if bcrypt_hash is not None:
        return _bcrypt_matches(plain[:72], bcrypt_hash)  # as the systems it comes from cut it
    parts = _passlib_parts(stored) or _django_parts(stored)
    if parts is None:
        return False
    rounds, salt, digest = parts
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", plain, salt, rounds), digest)


def _passlib_parts(stored: str) -> tuple[int, bytes, bytes] | None:
    match = _PASSLIB.fullmatch(stored)
    return _parts(match[1], _adapted_base64(match[2]), _adapted_base64(match[3])) if match else None


def _django_parts(stored: str) -> tuple[int, bytes, bytes] | None:
    match = _DJANGO.fullmatch(stored)
    return _parts(match[1], match[2].encode(), base64.b64decode(match[3])) if match else None


def _parts(rounds: str, salt: bytes | None, digest: bytes | None) -> tuple[int, bytes, bytes] | None:
    if salt is None or digest is None or not 1 <= int(rounds) <= _MOST_ROUNDS:
        return None
    return int(rounds), salt, digest


def _adapted_base64(text: str) -> bytes | None:
    """Base64 with `.` for `+` and no padding."""
    try:
        return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
