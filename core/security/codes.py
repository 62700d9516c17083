"""Codes that people pass on by hand: invites to an organization, and one-time codes that link two faces.

Kept only as keyed hashes, so that a stolen store opens no door; case counts, since ten letters of both
cases hold 58 bits. Whether a code is still good (uses, expiry, organization) is judged where it is stored.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum

from core.domain.errors import NotFound
from core.ids import Ids
from core.settings import Secret

INVITE_LENGTH = 10
LINK_LENGTH = 8
_LONGEST = 64
_LEFT_OUT = str.maketrans("", "", " -\t\r\n")


class Purpose(Enum):
    """A code for one purpose never opens another: the purpose is part of what is hashed."""

    INVITE = "invite"
    LINK = "link"


def new_invite_code(ids: Ids) -> str:
    return ids.code(INVITE_LENGTH)


def new_link_code(ids: Ids) -> str:
    return ids.code(LINK_LENGTH)


def hash_code(purpose: Purpose, code: str, key: Secret) -> str:
    """The hash to store and to look a code up by; blanks and dashes that a person or a chat added are left out."""
    plain = code[: 4 * _LONGEST].translate(_LEFT_OUT)[: _LONGEST + 1]
    message = f"{purpose.value}:{plain}".encode("utf-8", "surrogatepass")
    return hmac.new(key.reveal().encode(), message, hashlib.sha256).hexdigest()


def code_matches(purpose: Purpose, code: str, stored: str, key: Secret) -> bool:
    return hmac.compare_digest(hash_code(purpose, code, key).encode(), stored.encode("utf-8", "surrogatepass"))


def bad_code(purpose: Purpose) -> NotFound:
    """The one answer for a wrong, expired, used-up, revoked or foreign code: it tells a guesser nothing."""
    if purpose is Purpose.INVITE:
        return NotFound("invite_invalid", "invite not valid", "ask an admin of the organization for a new one")
    return NotFound("link_code_invalid", "code not valid", "ask for a new code; each works once and for minutes")
