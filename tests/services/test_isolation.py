"""Nobody learns of or touches what is another organization's: every use case, as everybody, found by introspection.

A thing of another organization must sound exactly like a thing that is not there, and nothing may be committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.domain.errors import BursarError, Conflict, Exhausted, Forbidden, Invalid, NotFound
from core.domain.roles import GRANTS, NEEDS_ORG, WITHIN_SCOPE, Permission, Standing, TokenScope
from tests.builders import Dump, changed_tables, dump, tables
from tests.services.naming import Method, methods_of
from tests.services.two_orgs import NOTHING_THERE, ROLES, Things, TwoOrgs, without_names

METHODS = methods_of()
KNOWN = tuple(method for method in METHODS if method.is_known)
ASKED_BY_SOMEBODY = tuple(method for method in KNOWN if method.takes_caller)
BY_NOBODY_YET = frozenset({Permission.LOGIN, Permission.REGISTER, Permission.INSTALL, Permission.HEALTH})
ASKED_IN_AN_ORG = tuple(method for method in ASKED_BY_SOMEBODY if method.permission not in BY_NOBODY_YET)
# A guess at a password or a code counts before it is judged, and a failed login is on record.
COUNTS_GUESSES = frozenset({Permission.LOGIN, Permission.ORG_JOIN, Permission.PASSWORD_CHANGE})
LEFT_BY_A_GUESS = frozenset({"throttles", "audit", "events"})
HOLDS: dict[str, frozenset[Standing]] = {
    "nobody": frozenset({Standing.ANYONE}),
    "stranger": frozenset({Standing.ANYONE, Standing.ACCOUNT}),
    "member": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.MEMBER}),
    "admin": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.MEMBER, Standing.ADMIN}),
    "outsider": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.MEMBER, Standing.ADMIN}),
    "operator": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.OPERATOR}),
    "reading token": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.MEMBER, Standing.ADMIN}),
    "working token": frozenset({Standing.ANYONE, Standing.ACCOUNT, Standing.MEMBER, Standing.ADMIN}),
}
SCOPES = {"reading token": TokenScope.READ, "working token": TokenScope.WORK}


class Refused(NamedTuple):
    kind: type[BursarError]
    code: str
    message: str | None
    hint: str | None


@pytest.fixture(scope="module")
def two_orgs(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> Iterator[TwoOrgs]:
    made = TwoOrgs(tmp_path_factory.mktemp("isolation") / "home", sqlite_at_head)
    yield made
    made.close()


@pytest.fixture
def ground(two_orgs: TwoOrgs) -> Iterator[TwoOrgs]:
    yield two_orgs
    two_orgs.put_back()


def call(ground: TwoOrgs, method: Method, role: str, arguments: dict[str, Any], org: str | None = None) -> Any:
    """Its answer, or how it was refused with every name taken out."""
    asked = getattr(getattr(ground.world.bursar, method.service), method.name)
    callers = (ground.caller(role, org),) if method.takes_caller else ()
    try:
        return asked(*callers, **arguments)
    except BursarError as error:
        names = (ground.own(role), ground.other(role), NOTHING_THERE)
        return Refused(type(error), error.code, without_names(error.message, *names), without_names(error.hint, *names))


def assert_nothing_changed(ground: TwoOrgs, method: Method) -> None:
    if ground.committed():
        changed = changed_tables(ground.before, dump(ground.world.store))
        allowed = LEFT_BY_A_GUESS if method.permission in COUNTS_GUESSES else frozenset()
        assert changed <= allowed
    ground.put_back()


def rows_of(content: Dump, org_name: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Every row of any table that is the organization's."""
    org_id = next(row[0] for row in content["orgs"] if row[1] == org_name)
    keyed = {table.name: [column.name for column in table.columns] for table in tables()}
    places = {name: columns.index("org_id") for name, columns in keyed.items() if "org_id" in columns} | {"orgs": 0}
    return [(table, row) for table, place in places.items() for row in content[table] if row[place] == org_id]


def cases(methods: tuple[Method, ...], roles: tuple[str, ...] = ROLES) -> list[Any]:
    return [pytest.param(method, role, id=f"{method.id} as {role}") for method in methods for role in roles]


def may(method: Method, role: str) -> bool:
    assert method.permission is not None
    if method.permission is Permission.LOGIN:
        return True  # whoever asks, it is the password that counts
    scope = WITHIN_SCOPE[SCOPES.get(role, TokenScope.FULL)]
    return method.permission in scope and GRANTS[method.permission].covers(HOLDS[role], own=True)


def words_of(things: Things) -> set[str]:
    """What would give an organization away; every cluster may have a `node-1` and every posting a number."""
    return {word for word in astuple(replace(things, node="")) if isinstance(word, str) and word}


def names_an_org(method: Method) -> bool:
    """Operators act in every organization, so these words may name any to them."""
    return method.id in ("organizations.switch", "clusters.share")


def test_every_public_method_of_a_service_says_its_permission() -> None:
    assert [method.id for method in METHODS if method.permission is None] == []


def test_every_argument_of_every_method_says_what_it_can_name() -> None:
    assert [method.id for method in METHODS if not method.is_known] == [], "add them to tests/services/naming.py"


@pytest.mark.parametrize(("method", "role"), cases(tuple(m for m in KNOWN if m.number_of_ways())))
def test_I_T3_a_thing_of_another_organization_is_as_one_that_is_not_there(
    ground: TwoOrgs, method: Method, role: str, tmp_path: Path
) -> None:
    own = ground.own(role)
    theirs = method.arguments(ground.other(role), own, tmp_path)
    missing = method.arguments(NOTHING_THERE, own, tmp_path)
    for of_theirs, of_nobody in zip(theirs, missing, strict=True):
        if role == "operator" and names_an_org(method) and "beta" in str(of_theirs):
            continue
        first = call(ground, method, role, of_theirs)
        assert_nothing_changed(ground, method)
        second = call(ground, method, role, of_nobody)
        assert_nothing_changed(ground, method)
        if method.id != "accounts.authenticate" or "org" not in of_theirs:
            assert isinstance(first, Refused), of_theirs
            assert first == second


@pytest.mark.parametrize(("method", "role"), cases(ASKED_IN_AN_ORG, tuple(r for r in ROLES if r != "operator")))
def test_I_T3_to_act_in_another_organization_is_as_to_act_in_one_that_is_not_there(
    ground: TwoOrgs, method: Method, role: str, tmp_path: Path
) -> None:
    """Operators act in every organization; who logs in, registers, or asks for the health is nobody yet."""
    answers = []
    for org in (ground.other(role).org, NOTHING_THERE.org):
        answers.append(call(ground, method, role, method.own_arguments(ground.own(role), tmp_path), org))
        assert_nothing_changed(ground, method)
    assert isinstance(answers[0], Refused)
    assert answers[0] == answers[1]
    assert answers[0].kind is (Forbidden if role == "nobody" else NotFound)


@pytest.mark.parametrize(("method", "role"), cases(ASKED_BY_SOMEBODY))
def test_I_T3_without_the_right_nothing_happens_and_with_it_nothing_of_another_organization_changes(
    ground: TwoOrgs, method: Method, role: str, tmp_path: Path
) -> None:
    answer = call(ground, method, role, method.own_arguments(ground.own(role), tmp_path))
    if not may(method, role):
        assert isinstance(answer, Refused)
        no_org = role == "stranger" and method.permission in NEEDS_ORG
        # Who installs is nobody yet, so it is not the scope that refuses a second time.
        installed_already = method.permission is Permission.INSTALL and answer.kind is Conflict
        assert installed_already or answer.kind is (Invalid if no_org else Forbidden)
        assert_nothing_changed(ground, method)
        return
    other = ground.other(role).org
    if ground.committed() and not (role == "operator" and names_an_org(method)):
        assert rows_of(dump(ground.world.store), other) == rows_of(ground.before, other)
    if role != "operator":
        assert words_of(ground.other(role)) & set(re.findall(r"[\w-]+", str(answer))) == set()
    ground.put_back()


@pytest.mark.parametrize("method", [pytest.param(m, id=m.id) for m in ASKED_BY_SOMEBODY])
def test_somebody_gets_an_answer_for_what_is_their_own(ground: TwoOrgs, method: Method, tmp_path: Path) -> None:
    """Else the cases above would refuse for a reason that has nothing to do with whose a thing is.

    A refusal for the state that the thing is in will do: it was found, and who asked had the right.
    """
    unreached = dict.fromkeys(range(max(1, method.number_of_ways())), "")
    for role in ROLES:
        own = ground.own(role)
        for way, arguments in enumerate(
            [*method.arguments(own, own, tmp_path)] or [method.own_arguments(own, tmp_path)]
        ):
            answer = call(ground, method, role, arguments)
            ground.put_back()
            if not isinstance(answer, Refused) or answer.kind in (Conflict, Exhausted):
                unreached.pop(way, None)
            elif way in unreached:
                unreached[way] += f"\n{role}: {answer}"
    assert unreached == {}
