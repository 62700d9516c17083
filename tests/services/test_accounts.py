"""Accounts: who gets in, who does not and why, and what ends a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.domain.errors import BursarError, Exhausted, Forbidden, Invalid
from core.domain.requests import Login, NewAccount, NewInvite, NewOrg, NewPassword, NewRole, NewToken
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.settings import Accounts
from tests.builders import FACE, NOBODY, PASSWORD, World, dump, quick_settings
from tests.fakes import CountingBcrypt
from tests.services.conftest import Team

NEW_PASSWORD = "another horse staple"


def refusal(call: Callable[[], object]) -> BursarError:
    with pytest.raises(BursarError) as refused:
        call()
    return refused.value


def words(error: BursarError) -> tuple[str, str, str, str | None]:
    return error.kind, error.code, error.message, error.hint


def disable(world: World, name: str) -> None:
    with world.store.write() as connection:
        connection.execute(text("UPDATE accounts SET disabled_at = 1 WHERE name = :name"), {"name": name})


# Making accounts


def test_the_first_operator_is_made_once(small: World) -> None:
    operator = small.operator("olga")
    assert small.bursar.accounts.whoami(operator).operator
    again = refusal(lambda: small.bursar.accounts.install(NOBODY, NewAccount(name="mallory", password=PASSWORD)))
    assert (again.kind, again.code) == ("conflict", "already_installed")


def test_who_registers_belongs_nowhere_and_is_no_operator(small: World) -> None:
    mia = small.person("mia")
    card = small.bursar.accounts.whoami(mia)
    assert (card.name, card.operator, card.org, card.role, card.orgs) == ("mia", False, None, None, ())


def test_B6_names_are_compared_without_case(small: World) -> None:
    small.person("mia")
    taken = refusal(lambda: small.person("MIA"))
    assert (taken.kind, taken.code) == ("conflict", "username_taken")
    assert small.log_in("Mia") is not None


def test_registration_that_is_closed_is_open_to_operators_alone(small: World) -> None:
    operator, mia = small.operator(), small.person("mia")
    closed = small.reopened(replace(small.settings, accounts=Accounts(bcrypt_cost=4, open_registration=False)))
    register = closed.bursar.accounts.register
    for caller in (NOBODY, mia):
        refused = refusal(lambda who=caller: register(who, NewAccount(name="ben", password=PASSWORD)))
        assert (refused.kind, refused.code) == ("forbidden", "registration_closed")
    assert register(operator, NewAccount(name="ben", password=PASSWORD)).name == "ben"
    closed.close()


@pytest.mark.parametrize("password", ["seven77", "password123", "miamiamia"])
def test_B26_a_password_that_is_easily_guessed_is_refused_before_it_is_hashed(
    small: World, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CountingBcrypt().put_in(monkeypatch) as bcrypt:
        refused = refusal(lambda: small.bursar.accounts.register(NOBODY, NewAccount(name="mia", password=password)))
    assert refused.kind == "invalid"
    assert bcrypt.computed == 0
    assert password not in refused.message


ODD_PASSWORDS = {
    "of more than 72 bytes": "a plain sentence " * 8 + "and its end",
    "64 emoji": "".join(chr(0x1F400 + number * 29 % 64) for number in range(64)),
    "with a leading space": " leading space kept",
    "with a NUL in it": "nul\0in the middle",
}


@pytest.mark.parametrize("password", ODD_PASSWORDS.values(), ids=ODD_PASSWORDS)
def test_B27_a_long_or_odd_password_counts_to_its_last_sign(small: World, password: str) -> None:
    small.bursar.accounts.register(NOBODY, NewAccount(name="mia", password=password))
    assert small.log_in("mia", password)
    assert refusal(lambda: small.log_in("mia", password[:-1])).code == "login_failed"


def test_B28_a_huge_password_is_refused_before_it_is_hashed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with CountingBcrypt().put_in(monkeypatch) as bcrypt:
        refused = refusal(lambda: validated(Login, name="mia", password="x" * 10_000_000))
    assert (refused.kind, bcrypt.computed) == ("invalid", 0)
    assert len(refused.message) < 200


# Logging in


def test_B29_nobody_can_tell_an_unknown_name_from_a_wrong_password(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words, and the same work: what takes time is the one hash that is computed in each case."""
    small.person("mia")
    small.person("gone")
    disable(small, "gone")
    small.bursar.accounts.import_users(small.operator(), "old:$pbkdf2-sha256$1000$c2FsdHNhbHQ$" + "A" * 43)
    answers, work = set(), set()
    for name, password in (("mia", "a wrong one"), ("nobody-here", "a wrong one"), ("gone", PASSWORD), ("old", "x")):
        with CountingBcrypt().put_in(monkeypatch) as bcrypt:
            answers.add(words(refusal(lambda n=name, p=password: small.log_in(n, p))))
        work.add(bcrypt.computed)
    assert answers == {
        ("forbidden", "login_failed", "unknown name or wrong password", "try again; names are in small letters")
    }
    assert work == {1}


def test_a_failed_login_is_on_record_without_the_password(small: World) -> None:
    operator = small.operator()
    refusal(lambda: small.log_in("mallory", "canary-password"))
    (line,) = small.bursar.operations.audit_everywhere(operator, limit=1).items
    assert (line.verb, line.target) == ("login.failed", "'mallory'")
    assert "canary-password" not in str(dump(small.store))


def fail(world: World, times: int, name: str = "mia") -> list[str]:
    return [refusal(lambda: world.log_in(name, "a wrong one")).code for _ in range(times)]


def test_B30_after_five_failures_each_next_try_waits_longer_up_to_a_quarter_of_an_hour(small: World) -> None:
    small.person("mia")
    assert fail(small, 5) == ["login_failed"] * 5
    waits = []
    for _ in range(14):
        refused = refusal(lambda: small.log_in("mia"))
        assert isinstance(refused, Exhausted)
        waits.append(refused.fields["retry_after_s"])
        small.advance(int(str(waits[-1])) * SECOND)
        assert fail(small, 1) == ["login_failed"]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    small.advance(15 * MINUTE)
    assert small.log_in("mia"), "nobody is shut out for good"
    assert fail(small, 5) == ["login_failed"] * 5, "and what was counted is forgotten"


def test_B30_a_thousand_tries_come_to_a_handful_that_are_judged(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    small.person("mia")
    with CountingBcrypt().put_in(monkeypatch) as bcrypt:
        for _ in range(1000):
            refusal(lambda: small.log_in("mia", "a wrong one"))
            small.advance(SECOND // 10)
    assert bcrypt.computed <= 12


def test_B30_a_restart_forgives_nothing(world: World) -> None:
    world.person("mia")
    fail(world, 5)
    again = world.reopened()
    assert refusal(lambda: again.log_in("mia")).code == "too_many_attempts"
    world.bursar = again.bursar


def test_B30_many_names_from_one_place_wait_as_well(small: World) -> None:
    small.person("mia")
    for number in range(5):
        refusal(lambda n=number: small.bursar.accounts.login(NOBODY, Login(name=f"name-{n}", password="x", source="a")))
    from_a, from_b = (Login(name="mia", password=PASSWORD, source=source) for source in "ab")
    assert refusal(lambda: small.bursar.accounts.login(NOBODY, from_a)).code == "too_many_attempts"
    assert small.bursar.accounts.login(NOBODY, from_b).name == "mia"


def test_B30_who_waits_on_one_name_does_not_make_another_wait(small: World) -> None:
    small.person("mia")
    small.person("ben")
    for _ in range(6):
        refusal(lambda: small.bursar.accounts.login(NOBODY, Login(name="mia", password="x", source="a")))
    assert small.bursar.accounts.login(NOBODY, Login(name="ben", password=PASSWORD, source="b")).name == "ben"


# What ends a session


def say_who(world: World, token: str) -> str:
    return world.bursar.accounts.whoami(world.bursar.accounts.authenticate(token, FACE)).name


def ended_sessions(team: Team) -> dict[str, str]:
    """Tokens of mia's that once were good, each ended in another way."""
    world, accounts = team.world, team.world.bursar.accounts

    def session() -> str:
        return accounts.login(NOBODY, Login(name="mia", password=PASSWORD)).access_token

    tokens = {"expired": session()}
    world.advance(13 * HOUR)
    tokens["logged out"] = session()
    accounts.logout(accounts.authenticate(tokens["logged out"], FACE))
    me = accounts.authenticate(session(), FACE)
    for name, lifetime in (("revoked", "7d"), ("token expired", "1h")):
        tokens[name] = accounts.create_token(
            me, validated(NewToken, name=name.replace(" ", "-"), expires=lifetime)
        ).token
    accounts.revoke_token(me, "revoked")
    world.advance(2 * HOUR)
    tokens["of before the password was changed"] = session()
    tokens["a token of before the password was changed"] = accounts.create_token(me, NewToken(name="before")).token
    world.advance(SECOND)
    accounts.change_password(me, NewPassword(old=PASSWORD, new=NEW_PASSWORD))
    world.advance(SECOND)
    return tokens


def test_B33_every_session_that_has_ended_gets_the_same_answer(team: Team) -> None:
    tokens = ended_sessions(team)
    assert len(tokens) == 6
    for why, token in tokens.items():
        answer = words(refusal(lambda t=token: say_who(team.world, t)))
        assert answer == ("forbidden", "session_invalid", "session not valid, log in", "bursar login NAME"), why
    assert team.world.log_in("mia", NEW_PASSWORD)


def test_B33_I_T6_who_is_disabled_can_do_nothing_from_that_moment(team: Team) -> None:
    token = team.world.token(team.member, "work")
    disable(team.world, "mia")
    for caller in (team.member, token):
        assert refusal(lambda who=caller: team.world.bursar.accounts.whoami(who)).code == "session_invalid"
        assert refusal(lambda who=caller: team.world.bursar.organizations.leave(who)).code == "session_invalid"
    assert refusal(lambda: team.world.log_in("mia")).code == "login_failed"


def test_B32_a_token_of_another_installation_opens_nothing(small: World, tmp_path: Path) -> None:
    """The same account and session ids, signed by a key that is not ours."""
    small.person("mia")
    other = World.on(tmp_path / "other")
    other.person("mia")
    token = other.bursar.accounts.login(NOBODY, Login(name="mia", password=PASSWORD)).access_token
    other.close()
    assert refusal(lambda: say_who(small, token)).code == "session_invalid"


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "a.b.c.d", "bur_", "bur_tok-aaaaaa_" + "0" * 64, "é" * 40, "x" * 5000]
)
def test_B32_what_is_no_token_of_ours_opens_nothing(small: World, token: str) -> None:
    assert refusal(lambda: say_who(small, token)).code == "session_invalid"


def test_a_session_of_one_account_does_not_speak_for_another(small_team: Team) -> None:
    forged = replace(small_team.member, account_id=small_team.admin.account_id)
    assert refusal(lambda: small_team.world.bursar.accounts.whoami(forged)).code == "session_invalid"


def test_logging_out_ends_that_session_alone(small: World) -> None:
    first = small.person("mia")
    second = small.log_in("mia")
    small.bursar.accounts.logout(first)
    assert refusal(lambda: small.bursar.accounts.whoami(first)).code == "session_invalid"
    assert small.bursar.accounts.whoami(second).name == "mia"


def test_a_password_is_only_changed_by_who_knows_the_old_one(small: World) -> None:
    mia = small.person("mia")
    change = small.bursar.accounts.change_password
    assert refusal(lambda: change(mia, NewPassword(old="a guess", new=NEW_PASSWORD))).code == "login_failed"
    assert refusal(lambda: change(mia, NewPassword(old=PASSWORD, new="short"))).kind == "invalid"
    assert small.log_in("mia")
    for _ in range(10):
        refused = refusal(lambda: change(mia, NewPassword(old="a guess", new=NEW_PASSWORD)))
    assert refused.code == "too_many_attempts"


# What a request may say


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (NewAccount, {"name": "mia", "password": PASSWORD, "operator": True}),
        (NewInvite, {"org_id": "1"}),
        (NewInvite, {"org": "beta"}),
        (NewRole, {"user": "mia", "role": "operator"}),
        (NewRole, {"user": "mia", "role": "admin", "org": "beta"}),
        (NewOrg, {"name": "beta", "created_by": "mia"}),
        (NewToken, {"name": "ci", "account_id": "1"}),
        (SubmitRequest, {"name": "x1", "cluster": "rack", "hours": 1, "image": "a", "owner": "ana"}),
        (SubmitRequest, {"name": "x1", "cluster": "rack", "hours": 1, "image": "a", "org": "beta"}),
        (SubmitRequest, {"name": "x1", "cluster": "rack", "hours": 1, "image": "a", "payer": "treasury"}),
    ],
)
def test_B34_no_request_can_say_whose_it_is_or_what_its_owner_may(
    model: type[SubmitRequest], given: dict[str, object]
) -> None:
    with pytest.raises(Invalid) as refused:
        validated(model, **given)
    assert refused.value.code in ("unknown_field", "unknown_role")


def test_who_asks_without_having_logged_in_is_told_to(small: World) -> None:
    small.operator()
    refused = refusal(lambda: small.bursar.organizations.create(NOBODY, NewOrg(name="vision")))
    assert isinstance(refused, Forbidden)
    assert words(refused)[1:] == ("session_invalid", "session not valid, log in", "bursar login NAME")


def test_an_ended_session_stays_ended_however_long_one_waits(small: World) -> None:
    mia = small.person("mia")
    small.bursar.accounts.logout(mia)
    small.advance(400 * DAY)
    assert refusal(lambda: small.bursar.accounts.whoami(mia)).code == "session_invalid"


def test_settings_of_the_tests_are_the_defaults_but_for_the_cost_of_a_hash(tmp_path: Path) -> None:
    ours, defaults = quick_settings(tmp_path).accounts, Accounts()
    assert {name for name in vars(ours) if vars(ours)[name] != vars(defaults)[name]} == {"bcrypt_cost"}
