"""The port for identity and chance.

Inside, a thing is known by a uuid7: it sorts by birth and never collides. People see, say and type a short
handle such as `dep-7k3f9q`, drawn at random so that it tells nothing of how many others exist.
"""

from __future__ import annotations

import random
import secrets
import threading
from typing import Protocol

from uuid6 import uuid7

# No vowels but 'a' and 'e', no 0/o or 1/l/i: what is said over a desk is typed without a mistake.
HANDLE_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
HANDLE_LENGTH = 6
CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


class Ids(Protocol):
    def new(self) -> str:
        """A key for the store: 32 hexadecimal digits of a uuid7."""
        ...

    def handle(self, prefix: str) -> str:
        """A short public id such as `dep-7k3f9q`; the store draws again where one is taken."""
        ...

    def code(self, length: int = 10) -> str:
        """Letters and digits that cannot be guessed, for invites and one-time codes."""
        ...

    def secret(self, octets: int = 32) -> str:
        """Text that cannot be guessed, for keys and tokens."""
        ...


class RandomIds:
    def new(self) -> str:
        return uuid7().hex

    def handle(self, prefix: str) -> str:
        return f"{prefix}-{_drawn(HANDLE_ALPHABET, HANDLE_LENGTH)}"

    def code(self, length: int = 10) -> str:
        return _drawn(CODE_ALPHABET, length)

    def secret(self, octets: int = 32) -> str:
        return secrets.token_urlsafe(octets)


def _drawn(alphabet: str, length: int) -> str:
    """One draw for all letters: each question to the system's chance costs as much as the rest together."""
    number, letters = secrets.randbelow(len(alphabet) ** length), []
    for _ in range(length):
        number, place = divmod(number, len(alphabet))
        letters.append(alphabet[place])
    return "".join(letters)


class SeqIds:
    """The same ids in every run, for tests and for a demo that tells the same story each time."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._count = 0
        self._guard = threading.Lock()

    def new(self) -> str:
        with self._guard:
            self._count += 1
            return f"{self._count:012x}{self._random.getrandbits(80):020x}"

    def handle(self, prefix: str) -> str:
        with self._guard:
            return f"{prefix}-{''.join(self._random.choices(HANDLE_ALPHABET, k=HANDLE_LENGTH))}"

    def code(self, length: int = 10) -> str:
        with self._guard:
            return "".join(self._random.choices(CODE_ALPHABET, k=length))

    def secret(self, octets: int = 32) -> str:
        with self._guard:
            return self._random.randbytes(octets).hex()


Chance = random.Random


def chance(seed: int) -> Chance:
    """Chance that can be played again: for stories and simulations, never for secrets."""
    return Chance(seed)
