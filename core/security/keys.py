"""The keys of an installation: a ring that signs sessions and one key for the hashes of codes, in a private file.

The newest key signs; the ones before verify until their window ends. Knows nothing of what is signed.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from core.domain.errors import Invalid, Unavailable
from core.settings import Secret, read_private, write_private

SHORTEST = 32
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`verifies_until` is None for the key that signs, and an instant for those before it."""

    kid: str
    secret: Secret
    created_at: int
    verifies_until: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Signing keys, the newest first."""

    keys: tuple[SigningKey, ...]
    code_key: Secret

    def __post_init__(self) -> None:
        if not self.keys or self.keys[0].verifies_until is not None:
            raise Invalid("keys_incomplete", "no key signs", "restore the key file from a backup")
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise Invalid("keys_ambiguous", "two keys have the same name", "restore the key file from a backup")
        for secret in (self.code_key, *(key.secret for key in self.keys)):
            refuse_short(secret)

    @property
    def newest(self) -> SigningKey:
        return self.keys[0]

    def verifying(self, kid: str, now: int) -> SigningKey | None:
        for key in self.keys:
            if key.kid == kid and (key.verifies_until is None or now < key.verifies_until):
                return key
        return None

    def rotated(self, new: SigningKey, now: int, overlap: int) -> KeyRing:
        """`new` signs; the signer before it verifies for `overlap` more; a key whose window is over is left out."""
        ends = now + overlap
        old = [
            replace(key, verifies_until=ends if key.verifies_until is None else min(key.verifies_until, ends))
            for key in self.keys
        ]
        alive = [key for key in old if key.verifies_until is not None and key.verifies_until > now]
        return KeyRing((new, *alive), self.code_key)


class Keys(Protocol):
    """What signs and verifies: a ring, or the file in which one may be replaced."""

    @property
    def newest(self) -> SigningKey: ...
    @property
    def code_key(self) -> Secret: ...
    def verifying(self, kid: str, now: int) -> SigningKey | None: ...


class KeyFile:
    """The ring as it is in its file now: another process may have rotated it, and a long life must not miss that."""

    def __init__(self, path: Path, now: int, *, overlap: int, insecure: bool = False) -> None:
        self._path, self._overlap, self._insecure = path, overlap, insecure
        self._ring = load_or_create(path, now, insecure=insecure)
        self._version = _version(path)

    @property
    def newest(self) -> SigningKey:
        return self._current().newest

    @property
    def code_key(self) -> Secret:
        return self._current().code_key

    def verifying(self, kid: str, now: int) -> SigningKey | None:
        return self._current().verifying(kid, now)

    def rotate(self, now: int, *, at_once: bool) -> SigningKey:
        """Sign with a new key. The one before verifies for a while longer, or `at_once` not any more."""
        return rotate(self._path, now, 0 if at_once else self._overlap, insecure=self._insecure).newest

    def _current(self) -> KeyRing:
        version = _version(self._path)
        if version is not None and version != self._version:  # where it is gone, what is known goes on
            self._ring, self._version = _read(self._path, insecure=self._insecure), version
        return self._ring


def _version(path: Path) -> tuple[int, int] | None:
    """Another one whenever the file was replaced as a whole, which is the only way in which it changes."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def refuse_short(secret: Secret) -> None:
    octets = len(secret.reveal().encode("utf-8", "surrogatepass"))
    if octets < SHORTEST:
        raise Invalid(
            "secret_too_short", f"a signing secret of {octets} bytes can be guessed", f"use at least {SHORTEST} bytes"
        )


def load_or_create(path: Path, now: int, *, insecure: bool = False) -> KeyRing:
    """The ring in the file; the first start makes it. Of several starting at once, one does and all get its ring."""
    if not path.exists():
        with _alone(path):
            if not path.exists():
                _write(path, KeyRing((_new_key(now),), _new_secret()))
    return _read(path, insecure=insecure)


def rotate(path: Path, now: int, overlap: int, *, insecure: bool = False) -> KeyRing:
    """Sign with a new key from now on. With an overlap of 0 every session ends."""
    with _alone(path):
        ring = _read(path, insecure=insecure).rotated(_new_key(now), now, overlap)
        _write(path, ring)
    return ring


def _new_key(now: int) -> SigningKey:
    return SigningKey(kid=secrets.token_hex(6), secret=_new_secret(), created_at=now)


def _new_secret() -> Secret:
    # Not from Ids: those of a test or a demonstration are foreseeable, a key never is.
    return Secret(secrets.token_urlsafe(48))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            "keys_not_written", f"{path.parent} takes no file: {error.strerror}", "see its rights"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, ring: KeyRing) -> None:
    document = {
        "format": _FORMAT,
        "code_key": ring.code_key.reveal(),
        "keys": [
            {
                "kid": key.kid,
                "secret": key.secret.reveal(),
                "created_at": key.created_at,
                "verifies_until": key.verifies_until,
            }
            for key in ring.keys
        ],
    }
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")


def _read(path: Path, *, insecure: bool) -> KeyRing:
    try:
        document = json.loads(read_private(path, insecure=insecure))
        if document["format"] != _FORMAT:
            raise ValueError("another format")
        keys = tuple(_key(entry) for entry in document["keys"])
        return KeyRing(keys, Secret(_text(document["code_key"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        # Never made anew by itself: that would end all sessions and make every invite invalid.
        raise Invalid(
            "keys_unreadable",
            f"the key file {path} is damaged or of another version",
            "restore it from a backup; if it is removed, all sessions and open invites end",
        ) from None
    except Invalid as error:
        raise Invalid(error.code, f"the key file {path}: {error.message}", error.hint) from None


def _key(entry: dict[str, object]) -> SigningKey:
    until = entry["verifies_until"]
    return SigningKey(
        kid=_text(entry["kid"]),
        secret=Secret(_text(entry["secret"])),
        created_at=_instant(entry["created_at"]),
        verifies_until=None if until is None else _instant(until),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _instant(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an instant")
    return value
