"""What an organization sees does not depend on what another does: worlds that differ only there answer alike."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import SECOND
from core.domain.errors import BursarError
from core.domain.roles import WITHIN_SCOPE, Permission, TokenScope
from core.ids import SeqIds
from tests.builders import World, copy_of
from tests.services.naming import methods_of
from tests.services.two_orgs import Org, settle_org

# Numbers of the one chain and the one ledger of an installation; they count what all organizations do.
SHARED_NUMBERS = frozenset({"seq", "number"})
# What answers nothing else: how many they are is told all the same.
NUMBERS_ALONE = frozenset({"browsing.journal"})
READ_RIGHTS = WITHIN_SCOPE[TokenScope.READ] - {Permission.SESSION_END} | {Permission.LEDGER_VERIFY}
READS = tuple(method for method in methods_of() if method.is_known and method.permission in READ_RIGHTS)

ACTIONS: dict[str, Callable[[World, Org, int], object]] = {
    "invite": lambda world, beta, _: world.invite(beta.admin),
    "person": lambda world, beta, n: world.member(beta.admin, f"b-extra-{n}"),
    "submit": lambda world, beta, n: world.submit(beta.member, f"b-more-{n}", "b-rack"),
    "cluster": lambda world, beta, n: world.cluster(beta.admin, f"b-more-{n}", gpu=2),
    "token": lambda world, beta, n: world.token(beta.member, "read", f"b-more-{n}"),
    "leave": lambda world, beta, _: world.bursar.deployments.cancel(beta.member, "b-work"),
    "fund": lambda world, beta, n: world.fund(beta.member, credits=n + 1, gpu_hours=1),
}


def tell(world: World, alpha: Org, folder: Path) -> dict[str, str]:
    """Everything that the people of an organization can read, as text; the shared numbers are left out."""
    told = {}
    for method in READS:
        asked = getattr(getattr(world.bursar, method.service), method.name)
        for who, caller in (("admin", alpha.admin), ("member", alpha.member)):
            ways = [*method.arguments(alpha.things, alpha.things, folder)]
            for number, arguments in enumerate([*ways, method.own_arguments(alpha.things, folder)]):
                try:
                    answer = asked(caller, **arguments)
                    answer = len(answer) if method.id in NUMBERS_ALONE else plain(answer)
                except BursarError as error:
                    answer = [error.kind, error.code, error.message, error.hint]
                told[f"{method.id} {number} as {who}"] = json.dumps(answer, sort_keys=True, default=str)
    return told


def plain(answer: Any) -> Any:
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        shown = {field.name: plain(getattr(answer, field.name)) for field in dataclasses.fields(answer)}
        return {name: value for name, value in shown.items() if name not in SHARED_NUMBERS}
    if isinstance(answer, (tuple, list, Iterator)):
        return [plain(one) for one in answer]
    if isinstance(answer, dict):
        return {str(key): plain(value) for key, value in answer.items()}
    return answer


def world_told(folder: Path, head: Path, beta_does: list[tuple[int, str]]) -> dict[str, str]:
    """Alpha is settled step by step, with ids of its own; between its steps beta does what the draw says."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    copy_of(head, home / "bursar.db")
    world = World.on(home)
    operator = world.operator()
    beside = world.beside(SeqIds(seed=2))
    beta = settle_org(beside, operator, "beta", "b", lambda: None)
    done, steps = 0, 0

    def between() -> None:
        nonlocal done, steps
        for step, action in beta_does:
            if step == steps:
                done += 1
                try:
                    ACTIONS[action](beside, beta, done)
                except BursarError:
                    continue
        steps += 1

    try:
        alpha = settle_org(world, operator, "alpha", "a", between)
        world.advance(SECOND)
        between()
        return tell(world, alpha, folder)
    finally:
        beside.close()
        world.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, sqlite_at_head: Path) -> dict[str, str]:
    return world_told(tmp_path_factory.mktemp("quiet"), sqlite_at_head, [])


def test_there_is_something_to_tell(quiet: dict[str, str]) -> None:
    answered = {what.split(" ")[0] for what, text in quiet.items() if not text.startswith("[")}
    assert len(answered) >= 15
    assert all("beta" not in text and "b-" not in text for text in quiet.values())


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(sorted(ACTIONS))), min_size=1, max_size=8))
def test_I_T4_worlds_that_differ_in_another_organization_answer_alike(
    tmp_path: Path, sqlite_at_head: Path, quiet: dict[str, str], beta_does: list[tuple[int, str]]
) -> None:
    assert world_told(tmp_path, sqlite_at_head, beta_does) == quiet
