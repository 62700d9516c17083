"""What somebody reads on their first day with Bursar: short answers, whole tables, and no hint that leads nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.domain.columns import columns
from tests.tui.cli.conftest import make_a_team
from tests.tui.cli.scenes import invited, new_member, said
from tests.tui.cli.shell import PASSWORD, Shell
from tui.cli.terminal import NARROW


@pytest.fixture
def lab(settled: Callable[..., Shell]) -> Shell:
    """One cluster, whose four GPUs are all that is scarce; `mia`, a member, is logged in."""
    return settled(None, make_a_team, give_it_a_cluster)


def give_it_a_cluster(team: Shell) -> None:
    team.done(
        "cluster create sim --driver scripted --cpu 16 --ram 64 --gpu 4 --disk 500 --gpu-model a100 --label zone=a"
    )
    new_member(team, "mia", invited(team))


def test_a_name_that_cannot_be_is_refused_before_a_password_is_asked_for(shell: Shell) -> None:
    for line, message in (
        ("init --operator root", "operator: 'root' is reserved"),
        ("register con", "name: 'con' is reserved"),
        ("register x", "name: 2–32 characters (got 1)"),
    ):
        ran = shell(line, typed=[])
        assert (said(ran), ran.asked) == ((2, message), [])


def test_without_an_organization_every_verb_says_the_same(shell: Shell) -> None:
    shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
    shell.log_in("olga")
    for line in ("list", "submit web --image a", "rates --set gpu-hour=4", "cluster list", "wallet"):
        assert said(shell(line)) == (2, "no organization is active")


def test_the_only_cluster_need_not_be_named(lab: Shell) -> None:
    assert lab.done("submit web --image tinyllama:latest --json").json["cluster"] == "sim"
    lab.log_in("olga")
    assert lab.done("rates --set gpu-hour=4 --json").json["items"][0]["cluster"] == "sim"
    lab.done("cluster create other --driver scripted --cpu 1 --ram 1")
    for line in ("submit web2 --image tinyllama:latest", "rates --set gpu-hour=4"):
        refused = lab(line)
        assert said(refused) == (2, "there are 2 clusters")
        assert "say which: " in refused.err and "sim" in refused.err


def test_a_submission_is_echoed_in_short_and_says_what_comes_next(lab: Shell) -> None:
    out = lab.done("submit train --image tinyllama:latest --gpu 0.5 --ram 2GB --hours 90m").out
    shown = dict(line.split(maxsplit=1) for line in out.splitlines()[:9])
    assert (shown["name"], shown["state"], shown["cluster"], shown["ram"]) == ("train", "queued", "sim", "1908 MiB")
    assert "hours          1.5 h\n" in out and "rate per hour  2.5" in out
    assert out.endswith(
        "see how it stands: bursar show train; what keeps it waiting: bursar why train\n"
        "  nobody leads: nothing starts until an operator runs: bursar daemon\n"
    )
    tried = lab.done("submit train2 --image tinyllama:latest --hours 1 --dry-run").out
    assert "bursar show" not in tried, "there is nothing to be shown"
    assert len(lab.done("cancel train").out.splitlines()) < 12


def test_what_would_wait_is_told_why_in_the_words_of_why(lab: Shell) -> None:
    lab.done("submit train --image tinyllama:latest --gpu 4 --hours 1")
    lab.serve()
    asked = "train2 --image tinyllama:latest --gpu 4 --hours 1"
    tried = lab.done(f"submit {asked} --dry-run").out
    lab.done(f"submit {asked}")
    reason = next(line for line in lab.done("why train2").out.splitlines() if line.startswith("- capacity: "))
    assert f"blockers:\n{reason}\n" in tried and "…" not in tried


def test_nobody_is_offered_what_they_may_not_do(lab: Shell) -> None:
    lab.done("submit train --image tinyllama:latest --hours 1")
    lab.serve()
    mine = [step["action"] for step in lab.done("show train --json").json["next"]]
    assert "cancel" in mine and "complete" not in mine
    assert lab("complete train").code == 3
    lab.log_in("olga")
    assert "complete" in [step["action"] for step in lab.done("show train --json").json["next"]]


def test_what_waits_for_another_stands_in_the_queue_without_a_number(lab: Shell) -> None:
    lab.done("submit first --image tinyllama:latest --gpu 4 --hours 1")
    lab.serve()
    lab.done("submit second --image tinyllama:latest --gpu 4 --hours 0.5")
    lab.done("submit third --image tinyllama:latest --gpu 4 --hours 0.5 --after first")
    waiting = lab.done("queue --json").json["items"]
    assert [(line["name"], line["position"]) for line in waiting] == [("second", 1), ("third", None)]
    out = lab.done("queue").out
    assert "dependency" in out and "capacity: needs" in out


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("cluster list", "2/16 CPU, 2/64 GiB, 4/4 GPU, 0/500 GiB disk"),
        ("cluster show sim", "2/16 CPU, 2/64 GiB, 4/4 GPU, 0/500 GiB disk  a100       zone=a"),
        ("cluster show sim", "GPUs of node-1: 0 in use, 1 in use, 2 in use, 3 in use"),
        ("list", "first   mia    running  sim        2"),
        ("why third", "held by dep-"),
        ("queue", "capacity: needs 1"),
        ("statement", "hold: submitted"),
    ],
)
def test_what_is_looked_for_is_not_cut(lab: Shell, line: str, whole: str) -> None:
    for name, gpus in (("first", 2), ("second", 2), ("third", 1)):
        lab.done(f"submit {name} --image tinyllama:latest --gpu {gpus} --hours 1")
    lab.serve()
    out = lab.done(line).out
    assert max(map(columns, out.splitlines())) <= NARROW
    assert whole in out
    ids = [line["id"] for line in lab.done("list --json").json["items"]]
    assert line not in ("list", "statement") or all(one in out for one in ids)


def test_the_words_of_the_chat_work_at_the_terminal_too(lab: Shell) -> None:
    assert lab.done("members").out == lab.done("org members").out
    assert lab.done("clusters --json").json == lab.done("cluster list --json").json
    assert lab.done("deploy tinyllama:latest on sim cpu 1 gpu 0.5 --json").json["name"] == "tinyllama"


def test_a_list_that_goes_on_says_how_whatever_it_was_asked_with(lab: Shell) -> None:
    for name in ("one", "two"):
        lab.done(f"submit {name} --image tinyllama:latest --hours 0.1")
    first = lab.done("list --limit 1 --sort name")
    assert first.out.splitlines()[-1].startswith("more: the same with --after dep-")
    cursor = first.out.split()[-1]
    assert "two" in lab.done(f"list --limit 1 --sort name --after {cursor}").out


def test_a_command_is_shown_as_it_can_be_typed_and_a_closed_cluster_says_how_it_is_opened(lab: Shell) -> None:
    lab.done(["submit", "say", "--hours", "0.1", "--", "sh", "-c", "echo hello; sleep 3"])
    assert "command        sh -c 'echo hello; sleep 3'\n" in lab.done("show say").out
    lab.log_in("olga")
    lab.done("cluster create box --driver process --cpu 1 --ram 1")
    lab.log_in("mia")
    refused = lab("submit here --cluster box -- true")
    assert said(refused) == (3, "box runs commands on its host and is open to operators only")
    opens = "bursar cluster set box trust=members"
    assert f"hint: an operator can open it: {opens}, or run_as=USER\n" in refused.err
    lab.log_in("olga")
    lab.done(opens.removeprefix("bursar "))
    lab.log_in("mia")
    lab.done("submit here --cluster box -- true")


def test_where_a_list_is_wide_seconds_go_before_words(lab: Shell) -> None:
    lab.done("submit web --image tinyllama:latest --hours 1")
    assert "2026-01-01 00:00:00" in lab.done("list").out
    lab.done("submit train --image tinyllama:latest --hours 1")
    lab.log_in("olga")
    head, line = lab.done("list --all-orgs").out.splitlines()[:2]
    assert head.split() == ["ID", "ORG", "NAME", "OWNER", "STATE", "CLUSTER", "GPU", "PRIO", "CREATED"]
    assert "vision  train  mia    queued" in line and line.endswith("2026-01-01 00:00")


def test_the_usage_breaks_between_options_and_never_within(shell: Shell) -> None:
    usage = shell.done("submit -h").out.split("\n\n")[0]
    assert usage.startswith("Usage: bursar submit [NAME]") and usage.endswith("[-- COMMAND ...]")
    for line in usage.splitlines():
        assert columns(line) <= NARROW
        assert line.count("[") == line.count("]")
