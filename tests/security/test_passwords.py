"""Passwords: what is kept, what is verified, and that every answer costs the same (B27-B29)."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import BursarError, Invalid, Unavailable
from core.security import passwords
from core.security.passwords import Verdict, check_password, hash_password, needs_upgrade, refuse_unknown_hash

COST = 4
RIGHT, WRONG = Verdict(True), Verdict(False)
# Made by passlib and by Django themselves for these passwords.
BY_PASSLIB = ("password", "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44")
BY_DJANGO = ("lètmein", "pbkdf2_sha256$12000$seasalt$Ybw8zsFxqja97tY/o6G+Fy1ksY4U/Hw3DRrGED6Up4s=")


def of_passlib(password: str, rounds: int = 10, salt: bytes = b"salt+of/16 bytes") -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    adapted = [base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, digest)]
    return f"$pbkdf2-sha256${rounds}${adapted[0]}${adapted[1]}"


def of_bcrypt(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(COST)).decode()


def test_a_hash_is_tagged_salted_and_verified():
    stored = hash_password("correct horse", COST)
    assert stored.startswith("b2s1$2b$04$") and len(stored) == 64
    assert stored != hash_password("correct horse", COST)
    assert check_password("correct horse", stored, COST) == RIGHT
    assert check_password("correct horsf", stored, COST) == WRONG


def test_the_usual_cost_is_twelve():
    assert hash_password("correct horse").startswith("b2s1$2b$12$")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("73 bytes", "x" * 73),
        ("64 emoji", "🦊" * 64),
        ("a NUL inside", "before\0after"),
        ("a leading space", " with a space"),
        ("1,024 bytes", "y" * 1024),
        ("empty, since old accounts may have had it", ""),
    ],
)
def test_B27_the_whole_password_counts_whatever_it_holds(name: str, password: str):
    stored = hash_password(password, COST)
    assert check_password(password, stored, COST) == RIGHT
    assert check_password(password[:-1] + "#", stored, COST) == WRONG
    assert check_password(password.strip() + "\t", stored, COST) == WRONG


def test_B27_bytes_after_the_seventy_second_count():
    assert check_password("x" * 72 + "b", hash_password("x" * 72 + "a", COST), COST) == WRONG


def test_B27_the_same_letters_typed_on_another_keyboard_are_the_same_password():
    assert check_password("passwo\u0308rter", hash_password("passw\u00f6rter", COST), COST) == RIGHT


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("1,025 bytes", "x" * 1025),
        ("513 letters of two bytes", "ü" * 513),
        ("10 MB", "x" * 10_000_000),
        ("half a letter", "\ud800" * 9),
    ],
)
def test_B28_a_password_too_long_or_no_text_is_refused_before_hashing(
    name: str, password: str, monkeypatch: pytest.MonkeyPatch
):
    def must_not_run(*arguments: object) -> bytes:
        raise AssertionError("hashed")

    stored = hash_password("something", COST)
    monkeypatch.setattr(bcrypt, "hashpw", must_not_run)
    monkeypatch.setattr(bcrypt, "checkpw", must_not_run)
    with pytest.raises(Invalid) as refused:
        hash_password(password, COST)
    assert refused.value.code == "password_unreadable"
    assert check_password(password, stored, COST) == check_password(password, None, COST) == WRONG


def thread_time(work: Callable[[], object]) -> float:
    """The smallest of several: what this thread itself spent, whatever else the machine does."""
    spent = []
    for _ in range(5):
        begun = time.thread_time()
        work()
        spent.append(time.thread_time() - begun)
    return min(spent)


def test_B29_an_unknown_user_costs_the_time_of_a_wrong_password():
    cost = 8
    stored = hash_password("right", cost)
    known = thread_time(lambda: check_password("wrong", stored, cost))
    for other in (None, "garbage", of_bcrypt("x"), of_passlib("x"), "b2s1$2b$31$" + "." * 53, "b2s1$2b$08$" + "a" * 53):
        assert 0.5 < thread_time(lambda other=other: check_password("wrong", other, cost)) / known < 2


def test_B29_the_first_unknown_user_of_a_process_costs_no_more_than_the_next(monkeypatch: pytest.MonkeyPatch):
    calls: list[bytes] = []
    genuine = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        calls.append(hashed)
        return genuine(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    monkeypatch.delattr(bcrypt, "hashpw")
    for cost in (4, 5):
        assert check_password("x", None, cost) == WRONG
    assert [call[:7] for call in calls] == [b"$2b$04$", b"$2b$05$"]


@pytest.mark.parametrize(
    "case", [BY_PASSLIB, BY_DJANGO, ("secret", of_passlib("secret")), ("plain", of_bcrypt("plain"))]
)
def test_hashes_of_other_systems_are_verified_and_marked_for_renewal(case: tuple[str, str]):
    password, stored = case
    assert check_password(password, stored, COST) == Verdict(True, outdated=True)
    assert check_password(password + "x", stored, COST) == WRONG
    assert needs_upgrade(stored, COST)
    refuse_unknown_hash(stored)


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.binary(min_size=1, max_size=24))
def test_any_salt_and_password_of_passlib_is_verified(password: str, salt: bytes):
    assert check_password(password, of_passlib(password, 3, salt), COST).right


def test_a_hash_of_another_cost_is_renewed_at_the_next_log_in():
    stored = hash_password("word", 5)
    assert check_password("word", stored, COST) == Verdict(True, outdated=True)
    assert needs_upgrade(stored, COST) and not needs_upgrade(stored, 5)


ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MALFORMED = [
    "",
    "plain text",
    "b2s1",
    "b2s1$2b$04$short",
    "b2s1$2b$31$" + "." * 53,
    "b2s1$2b$04$" + "a" * 53,
    "$2b$04$" + "b" * 53,
    "$2b$99$" + "." * 53,
    "$2b$04$" + "é" * 53,
    "$pbkdf2-sha256$0$c2FsdA$" + "A" * 43,
    "$pbkdf2-sha256$99999999$c2FsdA$" + "A" * 43,
    "$pbkdf2-sha256$10$abcde$" + "A" * 43,
    "$pbkdf2-sha256$10$c2FsdA$short",
    "$pbkdf2-sha256$１０$c2FsdA$" + "A" * 43,
    "pbkdf2_sha256$10$salt$" + "A" * 43,
    "pbkdf2_sha256$-1$salt$" + "A" * 43 + "=",
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
    "b2s1$2b$04$" + "." * 53 + "\n",
    "\ud800",
]


@pytest.mark.parametrize("stored", MALFORMED)
def test_a_malformed_hash_is_a_wrong_password_and_not_imported(stored: str):
    assert check_password("password", stored, COST) == WRONG
    with pytest.raises(Invalid) as refused:
        refuse_unknown_hash(stored)
    assert refused.value.code == "hash_unknown"
    assert not stored or stored not in refused.value.message


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=80),
    st.text(max_size=100) | st.text(ALPHABET, min_size=53, max_size=53).map(lambda text: "b2s1$2b$04$" + text),
)
def test_whatever_is_typed_and_stored_the_answer_is_a_verdict(password: str, stored: str):
    assert check_password(password, stored, COST) == WRONG


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_whatever_can_be_hashed_is_verified(password: str):
    try:
        stored = hash_password(password, COST)
    except BursarError as error:
        assert error.code == "password_unreadable"
    else:
        assert check_password(password, stored, COST) == RIGHT


def test_no_more_than_two_hashes_run_at_once(monkeypatch: pytest.MonkeyPatch):
    entered, leave = threading.Semaphore(0), threading.Event()
    genuine = bcrypt.hashpw

    def held(password: bytes, salt: bytes) -> bytes:
        entered.release()
        assert leave.wait(30)
        return genuine(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", held)
    threads = [threading.Thread(target=hash_password, args=("word", COST)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.acquire(timeout=30) and entered.acquire(timeout=30)
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.0)
    for third in (lambda: hash_password("word", COST), lambda: check_password("word", None, COST)):
        with pytest.raises(Unavailable) as refused:
            third()
        assert refused.value.code == "log_ins_busy"
    leave.set()
    for thread in threads:
        thread.join(30)
    assert hash_password("word", COST)
