"""Isolation as a type: a repository of tenants' rows shows those of its scope, and whoever wants all says why."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table

import core
from core.domain.lifecycle import State
from core.store import repositories
from core.store.repositories.clusters import Clusters
from core.store.repositories.deployments import Deployments
from core.store.repositories.journal import Audit
from core.store.repositories.ledger import LedgerBook
from core.store.repositories.orgs import Invites, Members
from core.store.scope import Scope, unscoped
from tests.builders import World, tables
from tests.services.two_orgs import settle_org

# History of the whole installation: what no organization did has none.
MAY_HAVE_NO_ORG = {"audit", "events"}
# Which organization it is follows from the row that it belongs to.
BY_THEIR_PARENT = {"deployments": {"dependencies", "pins", "preemptions"}, "clusters": {"nodes", "rate_cards"}}
ROOT = Path(next(iter(core.__path__)))


def tenant_tables() -> list[Table]:
    return [table for table in tables() if "org_id" in table.columns]


def repository_classes() -> Iterator[type]:
    for module in pkgutil.iter_modules(repositories.__path__):
        loaded = importlib.import_module(f"{repositories.__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if kind.__module__ == loaded.__name__ and "connection" in inspect.signature(kind).parameters:
                yield kind


def test_I_T1_every_row_of_a_tenant_says_whose_it_is() -> None:
    nullable = {table.name for table in tenant_tables() if table.columns["org_id"].nullable}
    assert nullable <= MAY_HAVE_NO_ORG
    for parent, children in BY_THEIR_PARENT.items():
        for child in children:
            found = next(table for table in tables() if table.name == child)
            assert parent in {key.column.table.name for key in found.foreign_keys}


def test_I_T1_what_belongs_to_a_deployment_is_of_the_same_organization() -> None:
    """A foreign key over both columns, so that the store itself refuses anything else."""
    for table in tenant_tables():
        to_deployments = [key for key in table.foreign_key_constraints if key.referred_table.name == "deployments"]
        for key in to_deployments:
            assert set(key.column_keys) == {"deployment_id", "org_id"}, table.name


def test_I_T2_a_repository_that_answers_for_tenants_asks_for_a_scope() -> None:
    with_scope = {kind.__name__ for kind in repository_classes() if "scope" in inspect.signature(kind).parameters}
    assert {"Members", "Invites", "Audit", "Clusters", "Deployments", "Runs", "LedgerBook"} <= with_scope
    for kind in repository_classes():
        scope = inspect.signature(kind).parameters.get("scope")
        assert scope is None or scope.default is inspect.Parameter.empty, kind


BEYOND = {"unscoped", "invites_anywhere", "deployments_everywhere", "runs_everywhere", "audit_everywhere"}


def looks_beyond_a_scope() -> Iterator[tuple[str, ast.Call]]:
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        if not any(name in text for name in BEYOND):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and _is_one(node.func):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _is_one(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in BEYOND
    return isinstance(called, ast.Attribute) and called.attr in BEYOND and ast.unparse(called.value) == "unit"


def test_I_T2_whoever_looks_beyond_a_scope_says_why() -> None:
    found = list(looks_beyond_a_scope())
    assert len(found) > 10
    for place, call in found:
        why = call.args[0] if call.args else None
        passed_on = isinstance(why, ast.Name) and place.startswith("store/units.py")
        assert passed_on or (isinstance(why, ast.Constant) and len(str(why.value).split()) > 2), place


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = World.on(tmp_path / "home", store_url)
    yield made
    made.close()


def test_a_scoped_repository_shows_its_own_and_an_unscoped_one_shows_all(world: World) -> None:
    operator = world.operator()
    alpha = settle_org(world, operator, "alpha", "a", lambda: None)
    settle_org(world, operator, "beta", "b", lambda: None)
    with world.units.read(alpha.admin) as unit:
        own, everything = Scope(unit.org_id), unscoped("a test looks at all of it")
        shown: dict[str, tuple[list[object], list[object]]] = {}
        for scope, place in ((own, 0), (everything, 1)):
            made = {
                "members": [one.name for one in Members(unit.connection, scope).all()],
                "invites": [one.handle for one in Invites(unit.connection, scope).all()],
                "clusters": [one.name for one in Clusters(unit.connection, scope).all()],
                "deployments": [one.name for one in Deployments(unit.connection, scope).in_states(set(State))],
                "audit": [row.seq for row in Audit(unit.connection, scope).newest(1000)],
                "postings": [posting.key for posting in LedgerBook(unit.connection, scope).walk(None)],
            }
            for name, rows in made.items():
                shown.setdefault(name, ([], []))[place].extend(rows)
    for name, (of_alpha, of_all) in shown.items():
        assert of_alpha, name
        assert len(of_alpha) < len(of_all), name
        assert set(map(str, of_alpha)) <= set(map(str, of_all)), name
        assert not [one for one in of_alpha if str(one).startswith("b-")], name
