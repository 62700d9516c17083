"""Whatever a use case changes is on record in the same commit, by whom and where; and no record holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.audit import AuditRow, first_break
from core.domain.requests import Login, NewAccount, NewPassword, NewToken
from core.domain.roles import Caller
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from tests.builders import NOBODY, PASSWORD, dump
from tests.services.conftest import Team
from tests.services.naming import Method, methods_of
from tests.services.test_isolation import call
from tests.services.two_orgs import TwoOrgs

METHODS = tuple(method for method in methods_of() if method.is_known and method.takes_caller)
# Between them they may do everything; what others may not is asked elsewhere.
ROLES = ("stranger", "member", "admin", "operator")
# Guesses are counted for a while and of no interest after it; the id of a store is drawn by whoever needs it first.
NOT_ON_RECORD = {"throttles", "installation"}


@pytest.fixture(scope="module")
def two_orgs(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> Iterator[TwoOrgs]:
    made = TwoOrgs(tmp_path_factory.mktemp("audit") / "home", sqlite_at_head)
    yield made
    made.close()


@pytest.fixture
def ground(two_orgs: TwoOrgs) -> Iterator[TwoOrgs]:
    yield two_orgs
    two_orgs.put_back()


def chain(ground: TwoOrgs) -> list[AuditRow]:
    with ground.world.store.read() as connection:
        return list(Audit(connection, unscoped("the chain is one")).from_the_beginning())


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.id)
def test_I_A1_whatever_is_changed_is_on_record(ground: TwoOrgs, method: Method, tmp_path: Path) -> None:
    for role in ROLES:
        own = ground.own(role)
        for arguments in [*method.arguments(own, own, tmp_path)] or [method.own_arguments(own, tmp_path)]:
            answer = call(ground, method, role, arguments)
            if ground.committed():
                after = dump(ground.world.store)
                changed = {name for name in after if after[name] != ground.before[name]} - NOT_ON_RECORD
                added = [row for row in after["audit"] if row not in ground.before["audit"]]
                assert not changed or added, f"{role}: {changed} without a record, answering {answer}"
                assert len(after["events"]) - len(ground.before["events"]) == len(added)
                assert all(row in after["audit"] for row in ground.before["audit"])
                assert first_break(chain(ground)) is None
            ground.put_back()


def who_did(team: Team, caller: Caller) -> tuple[str, str, str | None]:
    (line,) = team.world.bursar.operations.audit_everywhere(caller, limit=1).items
    return line.verb, line.actor, line.org


def test_a_record_says_who_did_it_and_in_which_organization(small_team: Team) -> None:
    small_team.world.invite(small_team.admin)
    assert who_did(small_team, small_team.operator) == ("invite.create", "ana", "vision")
    small_team.world.log_in("mia")
    assert who_did(small_team, small_team.operator) == ("login", "mia", None)
    small_team.world.person("ben")
    assert who_did(small_team, small_team.operator) == ("login", "ben", None)


def test_I_M3_no_table_and_no_file_but_that_of_the_keys_holds_a_secret(small_team: Team) -> None:
    """Passwords, codes and tokens that people have typed or were shown, looked for in everything that is kept."""
    world, accounts = small_team.world, small_team.world.bursar.accounts
    invite = world.invite(small_team.admin)
    again = world.bursar.invites.rotate(small_team.admin, invite.id)
    token = accounts.create_token(small_team.member, NewToken(name="ci"))
    session = accounts.login(NOBODY, Login(name="mia", password=PASSWORD)).access_token
    accounts.change_password(small_team.member, NewPassword(old=PASSWORD, new="another horse staple"))
    accounts.register(NOBODY, NewAccount(name="tim", password="canary horse staple"))
    secrets = [invite.code, again.code, token.token, session, PASSWORD, "another horse staple", "canary horse staple"]
    signature = session.rsplit(".", 1)[1]
    world.close()
    home = world.settings.home
    kept = [path for path in [*home.rglob("*"), *home.parent.glob("bursar-*")] if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    for path in kept:
        content = path.read_bytes()
        for secret in [*secrets, signature, (token.token or "").rsplit("_", 1)[1]]:
            assert (secret or "").encode() not in content, path.name
    assert "another horse" not in repr(NewPassword(old=PASSWORD, new="another horse staple"))
