from __future__ import annotations

import pytest

from core.domain.errors import (
    KINDS,
    BursarError,
    Conflict,
    Exhausted,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)


def test_there_are_six_kinds_and_each_has_its_own_name() -> None:
    assert (Invalid, Forbidden, NotFound, Conflict, Exhausted, Unavailable) == KINDS
    assert [kind.kind for kind in KINDS] == [
        "invalid",
        "forbidden",
        "not_found",
        "conflict",
        "exhausted",
        "unavailable",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_carries_code_message_hint_and_fields(kind: type[BursarError]) -> None:
    given = {"need": 3}
    error = kind("too_much", "needs 3, 2 left", "ask for 2", given)
    assert (error.code, error.message, error.hint, error.fields) == ("too_much", "needs 3, 2 left", "ask for 2", given)
    assert str(error) == "needs 3, 2 left"
    given["need"] = 4
    assert error.fields == {"need": 3}


def test_hint_and_fields_may_be_left_out() -> None:
    error = NotFound("no_such", "there is no such deployment")
    assert error.hint is None
    assert error.fields == {}


def test_two_errors_never_share_their_fields() -> None:
    first, second = Invalid("a", "a"), Invalid("b", "b")
    first.fields["x"] = 1
    assert second.fields == {}


def test_its_representation_shows_kind_code_and_message_but_no_field() -> None:
    assert (
        repr(Forbidden("not_admin", "only admins", None, {"token": "s3cret"}))
        == "Forbidden('not_admin', 'only admins')"
    )
