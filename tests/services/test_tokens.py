"""API tokens and accounts that came from elsewhere: shown once, narrower than their owner, upgraded when used."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from core.clock import HOUR
from core.domain.errors import Conflict
from core.domain.requests import NewInvite, NewToken
from core.domain.validation import validated
from tests.builders import World, dump
from tests.services.conftest import Team
from tests.services.test_accounts import refusal, say_who


def test_a_token_is_shown_once_and_never_stored(small_team: Team) -> None:
    accounts = small_team.world.bursar.accounts
    made = accounts.create_token(small_team.member, NewToken(name="ci"))
    assert made.token is not None
    secret = made.token.rsplit("_", 1)[1]
    (listed,) = accounts.list_tokens(small_team.member).items
    assert (listed.id, listed.name, listed.state, listed.token) == (made.id, "ci", "open", None)
    assert secret not in str(dump(small_team.world.store))
    assert say_who(small_team.world, made.token) == "mia"


def test_a_token_does_what_its_scope_lets_it_and_is_told_so(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin)
    read, work, full = (world.token(small_team.admin, scope) for scope in ("read", "work", "full"))
    for token in (read, work, full):
        assert world.bursar.organizations.show(token).name == "vision"
    assert refusal(lambda: world.submit(read, "train")).code == "token_scope"
    assert world.submit(work, "train").owner == "ana"
    for token in (read, work):
        assert refusal(lambda who=token: world.bursar.invites.create(who, NewInvite())).code == "token_scope"
        assert (
            refusal(lambda who=token: world.bursar.accounts.create_token(who, NewToken(name="x1"))).code
            == "token_scope"
        )
    assert world.invite(full).state == "open"
    assert world.bursar.accounts.whoami(read).scope == "read"


def test_the_name_of_a_token_is_free_again_once_it_is_revoked(small_team: Team) -> None:
    accounts, member = small_team.world.bursar.accounts, small_team.member
    made = accounts.create_token(member, NewToken(name="ci"))
    taken = refusal(lambda: accounts.create_token(member, NewToken(name="ci")))
    assert isinstance(taken, Conflict)
    assert accounts.revoke_token(member, made.id[:7]).state == "revoked"
    assert accounts.create_token(member, NewToken(name="ci")).state == "open"


def test_a_token_ends_by_itself(small_team: Team) -> None:
    world, accounts = small_team.world, small_team.world.bursar.accounts
    made = accounts.create_token(small_team.member, validated(NewToken, name="ci", expires="1h"))
    world.advance(HOUR - 1)
    assert say_who(world, made.token or "") == "mia"
    world.advance(1)
    assert refusal(lambda: say_who(world, made.token or "")).code == "session_invalid"
    assert [card.state for card in accounts.list_tokens(small_team.member).items] == ["expired"]


# Import

# "swordfish 7 seas" by the two systems that are known, with few rounds so that the test is quick.
PASSLIB = "$pbkdf2-sha256$1000$c2FsdHNhbHRzYWx0$Z4Guo5Zo8UHyyQfC4ucW4KnpcxnKG5.KwUij3ENjYRk"
DJANGO = "pbkdf2_sha256$1000$saltsalt$8vByptCqu4uyZyrO/aG9owPK1l8411mNSmJ5DPIkcCY="
IMPORTED_PASSWORD = "swordfish 7 seas"


def stored_hash(world: World, name: str) -> str:
    with world.store.read() as connection:
        found = connection.execute(text("SELECT password_hash FROM accounts WHERE name = :name"), {"name": name})
        return str(found.scalar_one())


@pytest.mark.parametrize("line", [f"mia:{PASSLIB}", f"mia,{PASSLIB}", f"Mia:{DJANGO}"])
def test_an_imported_hash_opens_and_is_replaced_at_the_first_login(world: World, line: str) -> None:
    imported = world.bursar.accounts.import_users(world.operator(), f"# people\n\n{line}\n")
    assert (imported.added, imported.skipped) == (1, ())
    before = stored_hash(world, "mia")
    assert refusal(lambda: world.log_in("mia", "a wrong one")).code == "login_failed"
    assert stored_hash(world, "mia") == before
    assert world.log_in("mia", IMPORTED_PASSWORD)
    assert stored_hash(world, "mia").startswith("b2s1$2b$04$")
    assert world.log_in("mia", IMPORTED_PASSWORD)


def test_an_import_takes_what_it_can_and_names_the_lines_that_it_cannot(small: World) -> None:
    operator = small.operator()
    lines = [f"mia:{PASSLIB}", "ben:plain-canary", f"olga:{PASSLIB}", f"a b:{PASSLIB}", "nothing", f"mia:{DJANGO}"]
    imported = small.bursar.accounts.import_users(operator, "\n".join(lines))
    assert imported.added == 1
    assert [line.split(":")[0] for line in imported.skipped] == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert "canary" not in str(imported)
    (line,) = small.bursar.operations.audit_everywhere(operator, limit=1).items
    assert (line.verb, line.after) == ("users.import", '{"added":1,"skipped":5}')


def test_who_is_imported_is_no_operator_and_belongs_nowhere(small: World) -> None:
    small.bursar.accounts.import_users(small.operator(), f"mia:{PASSLIB}")
    card = small.bursar.accounts.whoami(small.log_in("mia", IMPORTED_PASSWORD))
    assert (card.operator, card.org) == (False, None)
