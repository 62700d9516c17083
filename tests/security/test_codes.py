"""Invite and link codes: from a secure source, kept as keyed hashes, one answer for every bad one (B31)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import NotFound
from core.ids import CODE_ALPHABET, RandomIds, SeqIds
from core.security.codes import Purpose, bad_code, code_matches, hash_code, new_invite_code, new_link_code
from core.settings import Secret

KEY = Secret("the key of codes, long enough, of one installation")


def test_B31_an_invite_code_is_ten_letters_and_digits_with_58_bits():
    code = new_invite_code(RandomIds())
    assert len(code) == 10 and set(code) <= set(CODE_ALPHABET) and code.isalnum()
    assert math.log2(len(CODE_ALPHABET)) * 10 > 58
    assert len({new_invite_code(RandomIds()) for _ in range(1000)}) == 1000
    assert len(new_link_code(SeqIds())) == 8


def test_B31_a_code_is_found_by_its_hash_which_tells_nothing_without_the_key():
    stored = hash_code(Purpose.INVITE, "U4wwp2b3SZ", KEY)
    assert len(stored) == 64 and "U4wwp2b3SZ" not in stored
    assert code_matches(Purpose.INVITE, "U4wwp2b3SZ", stored, KEY)
    assert hash_code(Purpose.INVITE, "U4wwp2b3SZ", Secret("of another installation")) != stored


@pytest.mark.parametrize("typed", ["U4ww-p2b3-SZ", " U4wwp2b3SZ\n", "U4wwp 2b3SZ"])
def test_B31_blanks_and_dashes_that_came_on_the_way_do_not_matter(typed: str):
    assert code_matches(Purpose.INVITE, typed, hash_code(Purpose.INVITE, "U4wwp2b3SZ", KEY), KEY)


@pytest.mark.parametrize("typed", ["u4wwp2b3sz", "U4wwp2b3S", "U4wwp2b3SZZ", "", "Ｕ4wwp2b3SZ", "U4wwp2b3SZ\0"])
def test_B31_another_code_does_not_match(typed: str):
    assert not code_matches(Purpose.INVITE, typed, hash_code(Purpose.INVITE, "U4wwp2b3SZ", KEY), KEY)


def test_B31_a_code_for_one_purpose_opens_no_other():
    assert not code_matches(Purpose.LINK, "U4wwp2b3SZ", hash_code(Purpose.INVITE, "U4wwp2b3SZ", KEY), KEY)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=100), st.text(max_size=70))
def test_B31_any_text_is_a_code_that_does_not_match(code: str, stored: str):
    assert not code_matches(Purpose.INVITE, code, stored, KEY)


def test_B31_a_huge_code_costs_no_more_than_a_short_one():
    assert hash_code(Purpose.INVITE, "x" * 10_000_000, KEY) == hash_code(Purpose.INVITE, "x" * 300, KEY)


def test_B31_every_bad_code_is_answered_alike():
    first, second = bad_code(Purpose.INVITE), bad_code(Purpose.INVITE)
    assert isinstance(first, NotFound)
    assert (first.code, first.message, first.hint) == (second.code, second.message, second.hint)
    assert first.message == "invite not valid"
    assert bad_code(Purpose.LINK).message == "code not valid"
