"""A and B of five systems that Bursar stands in for: organizations with clusters, deployments and a priority queue.

Each test is one of their stories, told by the command line on both stores; the tests beside a story show that a known
fault of the old system is none here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.clock import HOUR, MINUTE
from tests.conftest import DIALECTS
from tests.tui.cli.scenes import install, installation, invited, new_member, said, states, used
from tests.tui.cli.shell import PASSWORD, Shell

__all__ = ["installation"]


@pytest.fixture(params=DIALECTS)
def lab(request: pytest.FixtureRequest, settled: Callable[..., Shell]) -> Shell:
    """Olga's organization with a cluster of 8 CPUs, 16 GiB and 2 GPUs, and its member `mia`, logged in."""
    return settled(request.param, install, found_a_lab)


def found_a_lab(shell: Shell) -> None:
    shell.done("org create lab")
    shell.done("cluster create sim --driver scripted --cpu 8 --ram 16 --gpu 2")
    new_member(shell, "mia", invited(shell))


# A. A hypervisor for machine learning: organizations by invite, clusters, a queue by priority, bearer tokens.


def test_a_from_an_invite_to_a_running_model(installation: Shell) -> None:
    shell = installation
    shell.done("org create lab")
    code = invited(shell)
    assert re.fullmatch("[A-Za-z0-9]{10}", code)
    new_member(shell, "mia", code)
    assert shell.done("whoami --json").json["role"] == "member"

    bearer = shell.done("login olga --password-stdin --json", stdin=[PASSWORD]).json
    assert sorted(bearer) == ["access_token", "expires_at", "token_type"]
    assert bearer["token_type"] == "bearer"
    shell.environ["BURSAR_TOKEN"] = bearer["access_token"]
    cluster = shell.done("cluster create sim --driver scripted --cpu 8 --ram 16 --gpu 2 --json").json
    assert cluster["id"].startswith("clu-")
    assert cluster["total"] == {"cpu": 8.0, "ram": 16.0, "gpu": 2.0, "disk": 0.0}

    added = shell.done("deploy tinyllama:latest on sim cpu 1 ram 2 gpu 1 priority 4 --json").json
    assert (added["state"], added["image"], added["priority"]) == ("queued", "tinyllama:latest", 4)
    assert added["id"].startswith("dep-")
    shell.serve()
    assert states(shell) == {"tinyllama": "running"}

    shell.clock.advance(13 * HOUR)
    ended = shell("cluster list")
    assert (ended.code, ended.err) == (3, "error: session not valid, log in\nhint: bursar login NAME\n")


def test_a_nothing_protected_is_done_without_a_token(lab: Shell) -> None:
    lab.done("logout")
    for line in ("cluster list", "cluster create x2 --driver scripted --cpu 1", "submit web --image a", "org members"):
        assert lab(line).code == 3, line


def test_a_the_more_important_preempts_and_the_less_important_goes_on_later(lab: Shell) -> None:
    lab.done("submit low --cluster sim --image tinyllama:latest --gpu 2 --hours 2 --priority 10")
    lab.serve()
    lab.clock.advance(30 * MINUTE)
    lab.done("submit high --cluster sim --image tinyllama:latest --gpu 2 --hours 1 --priority 50")
    lab.serve()
    assert states(lab) == {"low": "queued", "high": "running"}
    lab.clock.advance(61 * MINUTE)
    lab.serve()
    assert states(lab)["low"] == "running"


def test_a_fault_the_impossible_request_stops_nobody(lab: Shell) -> None:
    """There: it paused every running job, started nothing, and blocked the queue for ever."""
    lab.done("submit steady --cluster sim --image tinyllama:latest --gpu 1 --priority 1")
    lab.serve()
    refused = lab("submit giant --cluster sim --image tinyllama:latest --gpu 3 --priority 9")
    assert (refused.code, refused.err) == (
        2,
        "error: no node can hold 3 GPUs; the largest has 2\nhint: ask for at most 2, or for several replicas\n",
    )
    lab.done("submit next --cluster sim --image tinyllama:latest --gpu 1 --priority 1")
    lab.serve()
    assert states(lab) == {"steady": "running", "next": "running"}


def test_a_fault_who_holds_no_gpu_is_not_paused_for_one(lab: Shell) -> None:
    """There: whoever had a lower priority was paused, whatever it held."""
    lab.done("submit crunch --cluster sim --image tinyllama:latest --cpu 4 --hours 2 --priority 1")
    lab.done("submit train --cluster sim --image tinyllama:latest --gpu 2 --hours 2 --priority 2")
    lab.serve()
    lab.clock.advance(30 * MINUTE)
    lab.done("submit urgent --cluster sim --image tinyllama:latest --gpu 2 --hours 1 --priority 50")
    lab.serve()
    assert states(lab) == {"crunch": "running", "train": "queued", "urgent": "running"}


def test_a_fault_nobody_names_their_own_role(lab: Shell) -> None:
    assert lab("register eve --role admin --password-stdin", stdin=[PASSWORD]).code == 2
    for line in ("org role mia admin", "invite create --role admin", "org remove olga -y"):
        assert said(lab(line)) == (3, "only an admin of the organization may do this")
    assert lab.done("whoami --json").json["role"] == "member"


def test_a_fault_nobody_is_moved_into_an_organization_by_somebody_else(lab: Shell) -> None:
    """One enters by an invite, oneself; of what is in another organization there is nothing to see."""
    lab.log_in("olga")
    lab.done("org create other")
    code = invited(lab)
    assert lab("org role mia member").code == 4, "she is no member, and no verb makes her one"
    lab.log_in("mia")
    assert [org["name"] for org in lab.done("org list --json").json["items"]] == ["lab"]
    assert lab("org members --org other").code == 4
    assert said(lab("join 0000000000")) == (4, "invite not valid")
    lab.done(f"join {code}")
    assert lab("join " + code).code == 4, "it let in one"


def test_a_fault_the_clusters_of_others_cannot_be_used(lab: Shell) -> None:
    lab.log_in("olga")
    lab.done("org create other")
    lab.done("cluster create theirs --driver scripted --cpu 8 --ram 16 --gpu 2")
    theirs = lab.done("cluster show theirs --json").json["id"]
    lab.log_in("mia")
    unknown = lab("submit web --cluster nowhere --image tinyllama:latest").err
    for name in ("theirs", theirs):
        assert lab(f"submit web --cluster {name} --image tinyllama:latest").err == unknown.replace("nowhere", name)
    assert [item["name"] for item in lab.done("cluster list --json").json["items"]] == ["sim"]


# B. Clusters and deployments: organizations with codes, parts of CPUs, memory and GPUs.


def test_b_parts_of_everything_are_counted_exactly(installation: Shell) -> None:
    shell = installation
    shell.done("org create lab")
    code = invited(shell)
    shell.done("cluster create half --driver scripted --cpu 8.0 --ram 16.0 --gpu 1.0")
    new_member(shell, "mia", code)

    ask = "--cluster half --image registry.example.org/llm:1 --cpu 1.0 --ram 2.0 --gpu 0.5 --priority 3"
    for name, more in (
        ("first", "--hours 1 --label sim.duration=10m"),
        ("second", "--hours 1 --label sim.duration=10m --label sim.exit=3"),
        ("third", "--kind service"),
    ):
        asked = shell.done(f"submit {name} {ask} {more} --json").json
        assert (asked["cpu"], asked["ram"], asked["gpu"]) == (1.0, 2.0, 0.5)
    assert states(shell) == {"first": "queued", "second": "queued", "third": "queued"}
    assert used(shell, "half") == (0, 0, 0)

    shell.serve()
    assert states(shell) == {"first": "running", "second": "running", "third": "queued"}
    assert used(shell, "half") == (2, 4, 1)
    shell.clock.advance(11 * MINUTE)
    shell.serve()
    assert states(shell) == {"first": "completed", "second": "failed", "third": "running"}
    assert used(shell, "half") == (1, 2, 0.5)
    shell.done("cancel third")
    shell.serve()
    assert used(shell, "half") == (0, 0, 0)
    assert shell.done("cluster list").out == (
        "NAME  DRIVER    STATE  NODES  IN USE\nhalf  scripted  up         1  0/8 CPU, 0/16 GiB, 0/1 GPU\n"
    )


def test_b_fault_one_gpu_is_booked_once(lab: Shell) -> None:
    """There: two deployments of one GPU booked three."""
    for name in ("one", "two", "three"):
        lab.done(f"submit {name} --cluster sim --image tinyllama:latest --gpu 1 --hours 1")
    lab.serve()
    assert used(lab, "sim")[2] == 2
    assert sorted(states(lab).values()) == ["queued", "running", "running"]


def test_b_fault_equal_priorities_have_an_order(lab: Shell) -> None:
    """There: two of one priority ended the scheduler. Here the older one goes first, and the queue says so."""
    for name in ("one", "two", "three", "four"):
        lab.done(f"submit {name} --cluster sim --image tinyllama:latest --gpu 2 --hours 1 --priority 5")
        lab.clock.advance(1)
    lab.serve()
    assert states(lab)["one"] == "running"
    assert [line["name"] for line in lab.done("queue sim --json").json["items"]] == ["two", "three", "four"]


def test_b_fault_each_organization_sees_its_own(lab: Shell) -> None:
    """There: everybody saw everybody's."""
    lab.done("submit secret --cluster sim --image tinyllama:latest --hours 1")
    known = lab.done("show secret --json").json["id"]
    lab.log_in("olga")
    lab.done("org create other")
    new_member(lab, "oto", invited(lab))
    assert states(lab) == {}
    for line in (f"show {known}", f"why {known}", f"logs {known}", f"cancel {known}", "show secret"):
        assert said(lab(line)) == (4, f"no deployment '{line.split()[1]}' here")
    assert lab("list --all-orgs").code == 3
    assert lab.done("cluster list").out == "no clusters; an operator makes one: bursar cluster create\n"
