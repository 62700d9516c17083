"""One deployment from submission to refund, as people would type it, on both stores: the money to the last unit.

A job of two GPUs asks for two hours at 10.18 credits an hour and holds 20.36. After half an hour somebody more
important needs the machine; it goes on later from the beginning, and is cancelled after a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core.clock import MINUTE
from tests.conftest import DIALECTS
from tests.tui.cli.scenes import install, invited, new_member
from tests.tui.cli.shell import Shell

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is

RATE = Decimal("10.18")  # 2 GPUs at 5, 2 CPUs at 0.05, 8 GiB at 0.01


@pytest.fixture(params=DIALECTS)
def lab(request: pytest.FixtureRequest, settled: Callable[..., Shell]) -> Shell:
    """An organization of two with a simulated cluster of four GPUs."""
    return settled(request.param, found_a_lab)


def found_a_lab(shell: Shell) -> None:
    shell.environ["BURSAR_ACCOUNTS_SESSION_LIFETIME"] = "30d"
    install(shell)
    shell.done("org create lab")
    shell.done("cluster create sim --driver scripted --cpu 16 --ram 64 --gpu 4")
    new_member(shell, "mia", invited(shell))


def credits_of(shell: Shell) -> dict[str, Decimal]:
    book = shell.done("wallet --json").json["credits"]
    return {name: Decimal(str(book[name])) for name in ("balance", "held", "available", "burn_per_hour")}


def state(shell: Shell, name: str) -> str:
    found: Any = shell.done(f"show {name} --json").json
    return str(found["state"])


def test_from_submission_to_refund(lab: Shell) -> None:
    submitted = lab.done("submit train --cluster sim --image tinyllama:latest --gpu 2 --cpu 2 --ram 8 --hours 2 --json")
    assert submitted.json["state"] == "queued"
    assert Decimal(str(submitted.json["held"]["credits"])) == 2 * RATE
    assert submitted.json["held"]["gpu_hours"] == 4.0
    assert credits_of(lab) == {"balance": 100, "held": 2 * RATE, "available": 100 - 2 * RATE, "burn_per_hour": 0}

    lab.serve()
    assert state(lab, "train") == "running"
    lab.clock.advance(30 * MINUTE)
    assert credits_of(lab) == {
        "balance": 100 - RATE / 2,
        "held": 2 * RATE - RATE / 2,
        "available": 100 - 2 * RATE,
        "burn_per_hour": RATE,
    }

    lab.log_in("olga")
    lab.done("submit urgent --cluster sim --image tinyllama:latest --gpu 4 --hours 1 --priority 90")
    lab.serve()
    assert state(lab, "urgent") == "running"
    waits = lab.done("show train --json").json
    assert (waits["state"], waits["reason"]) == ("queued", f"preempted by {lab.done('show urgent --json').json['id']}")

    lab.log_in("mia")
    # The last hour of what was preempted comes back, here all of it, and its whole time is set aside again.
    assert credits_of(lab) == {"balance": 100, "held": 2 * RATE, "available": 100 - 2 * RATE, "burn_per_hour": 0}
    assert "held by" in lab.done("why train").out

    lab.clock.advance(60 * MINUTE)  # the urgent one has had its hour
    lab.serve()
    assert (state(lab, "urgent"), state(lab, "train")) == ("failed", "running")
    lab.clock.advance(15 * MINUTE)
    lab.done("cancel train")
    lab.serve()
    assert state(lab, "train") == "cancelled"
    left = 100 - RATE / 4
    assert credits_of(lab) == {"balance": left, "held": 0, "available": left, "burn_per_hour": 0}

    kinds = [line["kind"] for line in lab.done("statement --json").json["items"]]
    assert kinds == ["allowance", "hold", "settle", "refund", "hold", "settle", "release"]
    lab.log_in("olga")
    assert lab.done("verify-ledger").code == 0
    assert lab.done("audit --verify").code == 0
    failing = [finding["check"] for finding in lab("doctor --json").json["findings"] if finding["verdict"] == "FAIL"]
    # The throw-away PostgreSQL of the tests does not wait for its disk, and the doctor says so.
    assert set(failing) <= {"durability (fsync)"}


def test_what_is_not_there_is_refused_with_the_numbers_and_leaves_nothing(lab: Shell) -> None:
    """Ten GPU-hours to start with: eleven are refused, ten are not."""
    ask = "submit train --cluster sim --image tinyllama:latest --gpu 1 --cpu 1 --ram 1"
    refused = lab(f"{ask} --hours 11 --json")
    assert refused.code == 6
    assert refused.error["message"] == "needs 11.0 GPU-hours, 10.0 left"
    assert "an admin can grant 1.0 GPU-hours" in refused.error["hint"]
    assert lab.done("list --json").json["items"] == []
    assert credits_of(lab)["held"] == 0
    assert lab.done(f"{ask} --hours 10 --json").json["held"]["gpu_hours"] == 10.0


def test_the_same_key_submits_once(lab: Shell) -> None:
    ask = "submit train --cluster sim --image tinyllama:latest --hours 1 --key monday --json"
    first, again = lab.done(ask).json, lab.done(ask).json
    assert first["id"] == again["id"]
    other = lab(ask.replace("--hours 1", "--hours 2"))
    assert (other.code, other.error["code"]) == (5, "key_reused")


def test_stopped_it_costs_nothing_and_started_again_it_goes_on(lab: Shell) -> None:
    lab.done("submit web --cluster sim --image tinyllama:latest --kind service --cpu 1 --ram 1")
    lab.serve()
    lab.clock.advance(60 * MINUTE)
    lab.done("stop web")
    lab.serve()
    after_an_hour = credits_of(lab)
    assert after_an_hour["balance"] == Decimal("99.94")
    lab.clock.advance(600 * MINUTE)
    assert credits_of(lab) == after_an_hour
    lab.done("start web")
    lab.serve()
    assert state(lab, "web") == "running"
    assert credits_of(lab)["burn_per_hour"] == Decimal("0.06")
