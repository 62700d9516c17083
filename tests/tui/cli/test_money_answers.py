"""Money at the command line: the words of the contract, its JSON keys, CSV as it is, and tables that fit 80 columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from core.domain.columns import columns
from tests.tui.cli.shell import Shell

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is

BOOK = {"balance", "held", "available", "burn_per_hour", "runs_out_at"}


def test_a_wallet_is_two_books_with_the_same_keys(team: Shell) -> None:
    team.done("grant ben --credits 12.5 --reason thesis")
    card = team.done("wallet ben --json").json
    assert set(card) == {"owner", "org", "credits", "gpu_hours", "runway_seconds"}
    assert set(card["credits"]) == set(card["gpu_hours"]) == BOOK
    assert (card["credits"]["balance"], card["gpu_hours"]["balance"]) == (112.5, 10.0)
    assert card["credits"]["runs_out_at"] is None
    shown = team.done("wallet ben").out.splitlines()
    assert shown[0] == "ben in vision"
    assert shown[1].split() == ["BALANCE", "HELD", "AVAILABLE", "BURN", "PER", "HOUR", "RUNS", "OUT"]
    assert [line.split()[:2] for line in shown[2:]] == [["credits", "112.5"], ["gpu-hours", "10.0"]]


def test_money_goes_round_and_every_number_can_be_opened(team: Shell, as_ben: Callable[[], Shell]) -> None:
    granted = team.done("grant ben --credits 5 --gpu-hours 2 --key k1 --json").json
    assert set(granted) == {
        *("number", "key", "kind", "at", "reason", "deployment", "actor", "reverses", "items"),
    }
    assert team.done("grant ben --credits 5 --gpu-hours 2 --key k1 --json").json == granted
    assert team("grant ben --credits 6 --key k1").code == 5
    mistake = team.done("grant ben --credits 3 --json").json
    assert team.done(f"reverse {mistake['number']} --reason mistake --json").json["reverses"] == mistake["key"]
    as_ben().done("transfer olga --credits 105")
    assert team("transfer olga --credits 0.000001").code == 6
    assert team("wallet olga").code == 3
    statement = team.done("statement --json").json
    assert (statement["opening"], statement["closing"]["credits"]) == ({"credits": 0.0, "gpu_hours": 0.0}, 0.0)
    for line in statement["items"]:
        assert team.done(f"posting {line['number']} --json").json["kind"] == line["kind"]
    assert team("posting 1").code == 4, "the treasury's start touches no wallet of his"


def test_a_reversal_that_finds_nothing_says_what_is_missing(team: Shell, as_ben: Callable[[], Shell]) -> None:
    granted = team.done("grant ben --credits 5 --json").json
    as_ben().done("transfer olga --credits 105")
    team.log_in("olga")
    refused = team(f"reverse {granted['number']} --reason mistake --json")
    assert refused.code == 6
    assert refused.error["code"] == "balance_exhausted"
    assert (refused.error["fields"]["need"], refused.error["fields"]["have"]) == (5_000_000, 0)


def test_csv_is_handed_on_as_it_is(team: Shell) -> None:
    team.done(["grant", "ben", "--credits", "1", "--reason", "=cmd|' /C calc'!A0"])
    text = team.done("statement ben --csv").out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["reason"] for row in rows] == ["starting allowance", "'=cmd|' /C calc'!A0"]
    assert text.endswith("\r\n") and "\n\n" not in text
    assert team.done("usage --csv").out == "user,credits,gpu_hours,postings\r\n"


def test_the_ledger_is_verified_and_the_doctor_asks_its_laws(team: Shell) -> None:
    verdict = team.done("verify-ledger --json").json
    assert verdict["holds"] is True
    assert {line["account"] for line in verdict["items"]} == {"mint", "treasury", "wallet olga", "wallet ben"}
    assert sum(line["credits"] for line in verdict["items"]) == 0
    findings = team.done("doctor --json").json["findings"]
    assert {"I-L1", "I-L16", "I-C1"} <= {finding["id"] for finding in findings}


def test_limits_flavors_and_rates_have_their_words(team: Shell) -> None:
    team.done("cluster create rack --driver scripted --cpu 8 --ram 32 --gpu 2")
    limits = team.done("limits set --member ben --gpu-hours 5 --deployments 2 --json").json
    assert {(line["measure"], line["most"]) for line in limits["items"]} == {("gpu_hours", 5.0), ("deployments", 2.0)}
    assert (
        team.done("limits set --member ben --gpu-hours none --deployments none").out == "nothing is limited any more\n"
    )
    assert team.done("flavor set small --price 2.5 --cpu 2 --ram 8 --gpu 1 --json").json["credits_per_hour"] == 2.5
    assert team.done("flavor retire small --json").json["state"] == "retired"
    rates = team.done("rates rack --set gpu-hour=4 --set gpu-hour.h100=9 --json").json["items"]
    assert (rates[0]["gpu_hour"], rates[0]["gpu_models"], rates[0]["suspended"]) == (4.0, {"h100": 9.0}, 0.75)
    assert team("rates --from 2030-01-01").code == 2


@pytest.mark.parametrize(
    "line",
    [
        "wallet",
        "wallet --treasury",
        "statement --treasury",
        "usage",
        "verify-ledger",
        "limits show",
        "flavor list",
        "rates",
    ],
)
def test_people_see_tables_that_fit_80_columns(team: Shell, line: str) -> None:
    team.done("cluster create rack --driver scripted --cpu 8 --ram 32 --gpu 2")
    team.done("flavor set small --price 2.5 --cpu 2 --ram 8 --gpu 1")
    team.done("limits set --credits 1000")
    team.done(["grant", "ben", "--credits", "1", "--reason", "a reason that goes on and on " * 5])
    out = team.done(line).out
    assert out and max(map(columns, out.splitlines())) <= 80


def test_hostile_words_stay_words(team: Shell) -> None:
    team.done(["grant", "ben", "--credits", "1", "--reason", "[red]\u202e<!channel>"])
    out = team.done("statement ben").out
    assert "[red]" in out and "\u202e" not in out
