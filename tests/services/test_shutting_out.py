"""Operators shut accounts out and let them in again; keys are rotated; codes are not guessed by many together."""

from __future__ import annotations

import pytest

from core.clock import DAY, MINUTE
from core.domain.errors import Conflict, Exhausted, Forbidden, NotFound
from core.domain.requests import Joining, Login, NewToken
from core.domain.roles import anonymous
from core.domain.validation import validated
from tests.builders import PASSWORD, World

NOBODY = anonymous("test")


def log_in(world: World, name: str) -> str:
    return world.bursar.accounts.login(NOBODY, Login(name=name, password=PASSWORD, source="test")).access_token


def test_I_T6_who_is_disabled_is_out_at_once_with_every_token_and_stays_out_of_them(world: World) -> None:
    operator, accounts = world.operator(), world.bursar.accounts
    ann = world.person("ann")
    session = log_in(world, "ann")
    token = accounts.create_token(ann, NewToken(name="script")).token
    assert token is not None
    assert "disabled" in accounts.disable(operator, "ann").message
    for proof in (session, token):
        with pytest.raises(Forbidden):
            accounts.whoami(accounts.authenticate(proof, "test"))
    with pytest.raises(Forbidden) as refused:
        log_in(world, "ann")
    assert refused.value.code == "login_failed", "a stranger does not learn why"
    findings = world.bursar.operations.doctor(operator).findings
    assert [one.verdict for one in findings if one.id == "I-T6"] == ["OK"]

    accounts.enable(operator, "ann")
    for proof in (session, token):
        with pytest.raises(Forbidden):
            accounts.whoami(accounts.authenticate(proof, "test"))
    world.clock.advance(1)
    assert accounts.whoami(accounts.authenticate(log_in(world, "ann"), "test")).name == "ann"
    told = [line.verb for line in world.bursar.operations.audit_everywhere(operator).items]
    assert [verb for verb in told if verb.startswith("account.")][:2] == ["account.enable", "account.disable"]


def test_nobody_shuts_themselves_out_and_only_operators_shut_out(world: World) -> None:
    operator, accounts = world.operator(), world.bursar.accounts
    ann = world.person("ann")
    with pytest.raises(Forbidden):
        accounts.disable(ann, world.bursar.accounts.whoami(operator).name)
    with pytest.raises(Conflict) as refused:
        accounts.disable(operator, accounts.whoami(operator).name)
    assert refused.value.code == "own_account"
    with pytest.raises(NotFound):
        accounts.disable(operator, "nobody-of-that-name")
    with pytest.raises(Conflict):
        accounts.enable(operator, "ann")
    accounts.disable(operator, "ann")
    with pytest.raises(Conflict) as refused:
        accounts.disable(operator, "ann")
    assert refused.value.code == "already_disabled"


def test_E66_a_key_is_rotated_with_an_overlap_and_each_process_follows(world: World) -> None:
    operator, accounts = world.operator(), world.bursar.accounts
    world.person("ann")
    before = log_in(world, "ann")
    other = World.of(world.settings, world.clock, world.ids)  # as another process would be
    try:
        accounts.rotate_key(operator)
        after = log_in(world, "ann")
        for process in (world, other):
            for proof in (before, after):
                assert process.bursar.accounts.authenticate(proof, "test").account_id
        accounts.rotate_key(operator, at_once=True)
        for process in (world, other):
            for proof in (before, after):
                with pytest.raises(Forbidden):
                    process.bursar.accounts.authenticate(proof, "test")
            assert process.bursar.accounts.authenticate(log_in(world, "ann"), "test").account_id
    finally:
        other.close()


def test_the_old_key_ends_with_its_overlap(world: World) -> None:
    operator, accounts = world.operator(), world.bursar.accounts
    world.person("ann")
    accounts.rotate_key(operator)
    kept = world.settings.security.key_overlap_ms
    assert kept == 7 * DAY // 1000
    with pytest.raises(Forbidden):
        accounts.rotate_key(world.person("ben"))


def test_B31_codes_are_not_guessed_faster_by_many_accounts_than_is_set_for_all(world: World) -> None:
    most = world.settings.accounts.code_guesses_per_minute
    people = [world.person(f"p{number:03}") for number in range(most + 1)]
    for person in people[:most]:
        with pytest.raises(NotFound):
            world.bursar.invites.join(person, validated(Joining, code="AAAAABBBBB"))
    with pytest.raises(Exhausted) as refused:
        world.bursar.invites.join(people[most], validated(Joining, code="AAAAABBBBB"))
    assert refused.value.message == "too many codes were tried"
    world.clock.advance(MINUTE)
    with pytest.raises(NotFound):
        world.bursar.invites.join(people[most], validated(Joining, code="AAAAABBBBB"))
