"""Bearers of who somebody is: signed session tokens (JWT, HS256) and API tokens that are kept only as a hash.

Says whether a token is genuine and in time; whether its session or token still stands is asked of the store
at each use. Every failure is the same answer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from core.clock import SECOND
from core.domain.roles import not_logged_in
from core.ids import Ids
from core.security.keys import Keys

ISSUER = "bursar"
AUDIENCE = "bursar"
SESSION = "session"
LARGEST = 4096
LEEWAY = 10 * SECOND
_ALGORITHM = "HS256"
_REQUIRED = ["exp", "iat", "sub", "aud", "iss", "jti", "kind"]
_TOKEN_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_API_TOKEN = re.compile(r"bur_([a-z0-9-]{1,64})_([A-Za-z0-9_-]{20,200})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claims:
    subject: str
    token_id: str
    kind: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """Shown once; the store keeps `digest`."""

    text: str
    digest: str

    def __repr__(self) -> str:
        return "NewApiToken(***)"


def issue(ring: Keys, *, subject: str, token_id: str, lifetime: int, now: int, kind: str = SESSION) -> str:
    """A signed token; instants and the lifetime are microseconds, and a started second counts as a whole one."""
    import jwt  # noqa: PLC0415 - tens of milliseconds that most commands need not pay

    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "jti": token_id,
        "kind": kind,
        "iat": now // SECOND,
        "exp": -(-(now + lifetime) // SECOND),
    }
    key = ring.newest
    return jwt.encode(claims, key.secret.reveal().encode(), algorithm=_ALGORITHM, headers={"kid": key.kid})


def verify(ring: Keys, token: str, now: int, *, kind: str = SESSION) -> Claims:
    if len(token) > LARGEST or not token.isascii():
        raise not_logged_in()
    claims = _checked(_decoded(ring, token, now), kind)
    if claims is None or claims.issued_at > now + LEEWAY or claims.expires_at + LEEWAY <= now:
        raise not_logged_in()
    return claims


def new_api_token(token_id: str, ids: Ids) -> NewApiToken:
    """`bur_<id>_<secret>`: the beginning lets scanners for leaked secrets know it."""
    if _TOKEN_ID.fullmatch(token_id) is None:
        raise ValueError("the id of a token has small letters, digits and dashes only")
    text = f"bur_{token_id}_{ids.secret(32)}"
    return NewApiToken(text, _digest(text))


def is_api_token(text: str) -> bool:
    return text.startswith("bur_")


def api_token_id(text: str) -> str:
    """The id under which the store keeps the token's digest."""
    match = _API_TOKEN.fullmatch(text) if len(text) <= LARGEST else None
    if match is None:
        raise not_logged_in()
    return match[1]


def api_token_matches(text: str, digest: str) -> bool:
    return hmac.compare_digest(_digest(text).encode(), digest.encode("utf-8", "surrogatepass"))


def _digest(text: str) -> str:
    # The secret has 256 bits of chance: a plain hash is enough, and quick enough for each use.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _decoded(ring: Keys, token: str, now: int) -> dict[str, Any]:
    import jwt  # noqa: PLC0415 - see `issue`

    try:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        key = ring.verifying(kid, now) if isinstance(kid, str) else None
        if key is None or header.get("typ") != "JWT":
            raise not_logged_in()
        claims: dict[str, Any] = jwt.decode(
            token,
            key.secret.reveal().encode(),
            algorithms=[_ALGORITHM],  # never taken from the token
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "enforce_minimum_key_length": True,
                # The library asks the machine's clock; here `now` is an argument.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        # `from None`: a chained error would carry parts of the token.
        raise not_logged_in() from None
    return claims


def _checked(claims: dict[str, Any], kind: str) -> Claims | None:
    subject, token_id, issued, expires = claims["sub"], claims["jti"], claims["iat"], claims["exp"]
    texts = isinstance(subject, str) and isinstance(token_id, str) and claims["kind"] == kind
    if not texts or type(issued) is not int or type(expires) is not int or expires <= issued or issued < 0:
        return None
    return Claims(subject, token_id, kind, issued * SECOND, expires * SECOND)
