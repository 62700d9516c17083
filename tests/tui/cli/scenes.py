"""What the stories of the five systems share: how they begin, who comes in, and what stands where."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import DIALECTS
from tests.tui.cli.shell import PASSWORD, Ran, Shell


@pytest.fixture(params=DIALECTS)
def installation(request: pytest.FixtureRequest, settled: Callable[..., Shell]) -> Shell:
    """An operator `olga`, logged in, and nobody else."""
    return settled(request.param, install)


def install(shell: Shell) -> None:
    shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
    shell.log_in("olga")


def new_member(shell: Shell, name: str, code: str) -> None:
    """Registers, logs in and joins; stays logged in."""
    shell.done(f"register {name} --password-stdin", stdin=[PASSWORD])
    shell.log_in(name)
    shell.done(f"join {code}")


def invited(shell: Shell) -> str:
    return str(shell.done("invite create --json").json["code"])


def states(shell: Shell) -> dict[str, str]:
    items: list[Any] = shell.done("list --json").json["items"]
    return {item["name"]: item["state"] for item in items}


def used(shell: Shell, cluster: str) -> tuple[Any, Any, Any]:
    listed: list[Any] = shell.done("cluster list --json").json["items"]
    card = next(item for item in listed if item["name"] == cluster)
    for amount in ("cpu", "ram", "gpu"):
        assert card["used"][amount] >= 0
        assert card["used"][amount] + card["free"][amount] == card["total"][amount]
    return card["used"]["cpu"], card["used"]["ram"], card["used"]["gpu"]


def said(refused: Ran) -> tuple[int, str]:
    """The exit code and the sentence of a refusal."""
    return refused.code, refused.err.splitlines()[0].removeprefix("error: ")


def wallet(shell: Shell, book: str) -> tuple[Decimal, Decimal]:
    """What somebody has in a book, and how much of it is set aside."""
    found: Any = shell.done("wallet --json").json[book]
    return Decimal(str(found["balance"])), Decimal(str(found["held"]))
