"""Session tokens and API tokens: what is genuine is read, everything else is one answer (B32, E66)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, SECOND
from core.domain.errors import Forbidden
from core.ids import RandomIds, SeqIds
from core.security import tokens
from core.security.keys import KeyRing, SigningKey
from core.security.tokens import Claims, issue, verify
from core.settings import Secret

NOW = 1_800_000_000 * SECOND
SECRET = "a-signing-secret-of-well-over-32-bytes"
RING = KeyRing((SigningKey("k1", Secret(SECRET), NOW),), Secret("c" * 40))
GENUINE: dict[str, Any] = {
    "iss": "bursar",
    "aud": "bursar",
    "sub": "person",
    "jti": "session",
    "kind": "session",
    "iat": NOW // SECOND,
    "exp": NOW // SECOND + 3600,
}


def token(lifetime: int = HOUR, now: int = NOW) -> str:
    return issue(RING, subject="person", token_id="session", lifetime=lifetime, now=now)


def signed(
    *, without: str = "", key: str = SECRET, algorithm: str = "HS256", header: object = None, **claims: object
) -> str:
    body = {name: value for name, value in {**GENUINE, **claims}.items() if name != without}
    headers = {"kid": "k1"} if header is None else header
    assert isinstance(headers, dict)
    return jwt.encode(body, key, algorithm=algorithm, headers=headers)


def refused(text: str, now: int = NOW, ring: KeyRing = RING, kind: str = "session") -> None:
    with pytest.raises(Forbidden) as answer:
        verify(ring, text, now, kind=kind)
    assert (answer.value.code, answer.value.message) == ("session_invalid", "session not valid, log in")
    assert answer.value.__cause__ is None


def raw(header: object, claims: object, signature: bytes = b"x") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, signature))


def test_a_token_is_read_back():
    assert verify(RING, token(), NOW) == Claims("person", "session", "session", NOW, NOW + HOUR)
    assert verify(RING, signed(), NOW).subject == "person"


def test_a_token_names_its_key_and_its_form():
    assert jwt.get_unverified_header(token()) == {"alg": "HS256", "kid": "k1", "typ": "JWT"}


@pytest.mark.parametrize(
    ("after", "fits"), [(-11, False), (-10, True), (0, True), (3600, True), (3609, True), (3610, False), (10**9, False)]
)
def test_E66_a_token_holds_from_its_issue_to_its_end_give_or_take_ten_seconds_of_the_given_clock(
    after: int, fits: bool
):
    now = NOW + after * SECOND
    if fits:
        assert verify(RING, token(), now).expires_at == NOW + HOUR
    else:
        refused(token(), now)


def test_a_token_of_less_than_a_second_still_holds_a_moment():
    assert verify(RING, token(lifetime=1), NOW).expires_at == NOW + SECOND


FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: raw({"alg": "none", "typ": "JWT", "kid": "k1"}, GENUINE, b""),
    "no algorithm, in capitals": lambda: raw({"alg": "NONE", "typ": "JWT", "kid": "k1"}, GENUINE, b""),
    "RS256 with our secret as its key": lambda: raw({"alg": "RS256", "typ": "JWT", "kid": "k1"}, GENUINE),
    "HS512 with our secret": lambda: signed(key=SECRET + "x" * 40, algorithm="HS512"),
    "HS384 with our secret": lambda: signed(key=SECRET + "x" * 40, algorithm="HS384"),
    "another secret": lambda: signed(key="another-secret-that-is-long-enough-too"),
    "another audience": lambda: signed(aud="other"),
    "a list of audiences with ours in it": lambda: signed(aud=["bursar", "other"]),
    "another issuer": lambda: signed(iss="other"),
    "another form": lambda: signed(header={"kid": "k1", "typ": "at+jwt"}),
    "another kind": lambda: signed(kind="invite"),
    "a kind that is no text": lambda: signed(kind=["session"]),
    "an unknown key": lambda: signed(header={"kid": "k2"}),
    "no key named": lambda: signed(header={}),
    "a key that is no text": lambda: raw({"alg": "HS256", "typ": "JWT", "kid": ["k1"]}, GENUINE),
    "a subject that is no text": lambda: signed_raw({**GENUINE, "sub": 7}),
    "an id that is no text": lambda: signed_raw({**GENUINE, "jti": {"a": 1}}),
    "an end that is text": lambda: signed(exp="tomorrow"),
    "an end that is true": lambda: signed(exp=True),
    "an end with a fraction": lambda: signed(exp=GENUINE["exp"] + 0.5),
    "an end that never comes": lambda: signed_raw({**GENUINE, "exp": float("inf")}),
    "an end before its issue": lambda: signed(exp=GENUINE["iat"] - 1),
    "an issue in the future": lambda: signed(iat=GENUINE["iat"] + 11),
    "an issue that is text": lambda: signed(iat="now"),
    "an issue before the epoch": lambda: signed(iat=-5),
    "claims that are a list": lambda: signed_raw([1, 2]),
    "a header nested deeply": lambda: base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=") + ".e30.x",
    "three dots": lambda: "a.b.c.d",
    "two dots": lambda: "..",
    "nothing": lambda: "",
    "no dots": lambda: "token",
    "not UTF-8": lambda: base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".e30.x",
    "letters beyond ASCII": lambda: token() + "é",
    "half a letter": lambda: token() + "\ud800",
    "a line end": lambda: token() + "\n",
    "a critical extension": lambda: signed(header={"kid": "k1", "crit": ["x"], "x": 1}),
    "4,097 letters": lambda: signed(sub="x" * 2900)[:4097].ljust(4097, "A"),
    "1 MB": lambda: "A" * 1_000_000,
    "an API token": lambda: tokens.new_api_token("tok-1", SeqIds()).text,
    **{f"no {claim}": (lambda claim=claim: signed(without=claim)) for claim in GENUINE},
}


def signed_raw(claims: object) -> str:
    """What PyJWT would not sign for us, signed all the same."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET, algorithm="HS256", headers={"kid": "k1"})


@pytest.mark.parametrize("name", FORGED)
def test_B32_a_token_that_is_not_ours_whole_and_in_time_is_one_answer(name: str):
    refused(FORGED[name]())


def test_B32_a_token_over_4_KiB_is_refused_before_anything_decodes_it(monkeypatch: pytest.MonkeyPatch):
    huge = signed(sub="x" * 4000)
    monkeypatch.delattr(jwt, "get_unverified_header")
    refused(huge)


def test_B32_a_token_of_another_installation_is_refused():
    other = KeyRing((SigningKey("k1", Secret("another-installation-with-its-own-key"), NOW),), Secret("c" * 40))
    refused(token(), ring=other)


def test_B32_a_token_for_one_use_is_no_token_for_another():
    linking = issue(RING, subject="p", token_id="j", lifetime=HOUR, now=NOW, kind="link")
    refused(linking)
    assert verify(RING, linking, NOW, kind="link").kind == "link"


def test_B32_each_changed_letter_makes_a_token_invalid():
    genuine = token()
    # The last letter of a part carries unused bits, so some changes there mean the same bytes.
    for place in range(0, len(genuine) - 1, 7):
        if genuine[place] != "." and genuine[place + 1] != ".":
            other = "A" if genuine[place] != "A" else "B"
            refused(genuine[:place] + other + genuine[place + 1 :])


def test_E66_after_rotation_old_tokens_hold_until_the_window_of_their_key_ends():
    old = token(lifetime=100 * HOUR)
    new_key = SigningKey("k2", Secret("the-key-after-that-one-is-long-enough"), NOW)
    ring = RING.rotated(new_key, NOW, HOUR)
    assert verify(ring, old, NOW + HOUR - 1).token_id == "session"
    refused(old, NOW + HOUR, ring)
    assert jwt.get_unverified_header(issue(ring, subject="p", token_id="j", lifetime=HOUR, now=NOW))["kid"] == "k2"


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.text(".abcdeyJ0_-=", max_size=60)
    | st.tuples(st.binary(max_size=30), st.binary(max_size=30), st.binary(max_size=10)).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)
    )
)
def test_B32_any_text_is_one_answer(text: str):
    refused(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GENUINE)), JSON, st.sampled_from(["alg", "typ", "kid", "crit", "b64"]), JSON)
def test_B32_any_claim_and_any_header_under_our_own_key_never_is_a_traceback(
    claim: str, value: object, header: str, other: object
):
    body = signed_raw({**GENUINE, claim: value})
    part = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1", header: other}).encode()
    for text in (body, ".".join([base64.urlsafe_b64encode(part).decode().rstrip("="), *body.split(".")[1:]])):
        try:
            assert verify(RING, text, NOW).kind == "session"
        except Forbidden as error:
            assert error.code == "session_invalid"


def test_an_API_token_is_shown_once_and_known_by_its_digest_alone():
    made = tokens.new_api_token("tok-7k3f9q", RandomIds())
    assert made.text.startswith("bur_tok-7k3f9q_") and tokens.is_api_token(made.text)
    assert tokens.api_token_id(made.text) == "tok-7k3f9q"
    assert tokens.api_token_matches(made.text, made.digest)
    assert not tokens.api_token_matches(made.text + "x", made.digest)
    assert made.text not in repr(made) and made.digest not in made.text
    assert made.text != tokens.new_api_token("tok-7k3f9q", RandomIds()).text


@pytest.mark.parametrize("id_", ["", "with_underscore", "Capital", "x" * 65, "é"])
def test_an_API_token_is_not_made_for_an_id_that_would_not_be_found_again(id_: str):
    with pytest.raises(ValueError, match="small letters"):
        tokens.new_api_token(id_, SeqIds())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.text("bur_-a1Z", max_size=60).map(lambda text: "bur_" + text))
def test_B32_any_text_as_an_API_token_has_an_id_or_is_the_one_answer(text: str):
    assert not tokens.api_token_matches(text, "0" * 64)
    try:
        assert text.startswith(f"bur_{tokens.api_token_id(text)}_")
    except Forbidden as error:
        assert error.code == "session_invalid"


def test_tokens_can_be_imported_without_the_library_that_signs_them():
    code = "import sys, core.security.tokens; print('jwt' in sys.modules or 'cryptography' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
