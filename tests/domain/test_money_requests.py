"""Requests about money: exact amounts, one receiver, nothing unsaid, and every wrong text refused before it counts."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain.flavors import RateCard
from core.domain.money_requests import (
    FlavorRequest,
    GrantRequest,
    LimitsRequest,
    RatesRequest,
    ReverseRequest,
    TransferRequest,
    UseRequest,
)
from core.domain.quota import Measure, UseHeading
from core.domain.validation import Request, validated
from tests.domain.refusal import refusal, table


def test_amounts_are_exact() -> None:
    grant = validated(GrantRequest, user="mia", credits="0.000001", gpu_hours="0.5")
    assert (grant.credits, grant.gpu_hours, grant.reason) == (1, 1_800_000, None)


@table(
    ("model", "asked", "code"),
    [
        ("B41 nothing", GrantRequest, {"user": "mia"}, "amount_missing"),
        ("B41 zero", GrantRequest, {"user": "mia", "credits": "0"}, "amount_out_of_range"),
        ("B41 below zero", GrantRequest, {"user": "mia", "credits": "-5"}, "amount_out_of_range"),
        ("B41 10^30", GrantRequest, {"user": "mia", "credits": "1" + "0" * 30}, "amount_out_of_range"),
        ("B41 seven decimals", GrantRequest, {"user": "mia", "credits": "0.0000001"}, "amount_too_fine"),
        ("B41 negative hours", TransferRequest, {"user": "mia", "gpu_hours": "-1"}, "amount_out_of_range"),
        ("B12 not a number", GrantRequest, {"user": "mia", "gpu_hours": "NaN"}, "malformed_amount"),
        ("B59 a comma", GrantRequest, {"user": "mia", "credits": "1,5"}, "malformed_amount"),
        ("nobody gets it", GrantRequest, {"credits": "1"}, "receiver"),
        ("two get it", TransferRequest, {"user": "mia", "treasury": True, "credits": "1"}, "receiver"),
        (
            "B4 an escape in the reason",
            GrantRequest,
            {"user": "m", "credits": "1", "reason": "\x1b[2J"},
            "control_character",
        ),
        ("a reason of spaces", GrantRequest, {"user": "m", "credits": "1", "reason": "  "}, "too_short"),
        ("a reason like a book", GrantRequest, {"user": "m", "credits": "1", "reason": "x" * 501}, "too_long"),
        ("a key with a space", GrantRequest, {"user": "m", "credits": "1", "key": "a b"}, "key_malformed"),
        (
            "B34 an organization in the request",
            GrantRequest,
            {"user": "m", "credits": "1", "org": "x"},
            "unknown_field",
        ),
        ("no reason to reverse", ReverseRequest, {"number": 1}, "missing"),
        ("number 0", ReverseRequest, {"number": 0, "reason": "x"}, "out_of_range"),
        ("B45 an unknown heading", UseRequest, {"by": "password"}, "unknown_by"),
        ("a flavor without price", FlavorRequest, {"name": "small"}, "missing"),
        ("a flavor at a price below zero", FlavorRequest, {"name": "small", "price": "-1"}, "amount_out_of_range"),
        ("a flavor whose name is reserved", FlavorRequest, {"name": "con", "price": "1"}, "name_reserved"),
    ],
)
def test_what_cannot_be_meant_is_refused(model: type[Request], asked: dict[str, Any], code: str) -> None:
    assert refusal(validated, model, **asked).code == code


def test_the_same_request_has_the_same_fingerprint_whatever_its_key() -> None:
    first = validated(GrantRequest, user="mia", credits="1", key="a")
    assert first.fingerprint("org") == validated(GrantRequest, user="mia", credits="1.0", key="b").fingerprint("org")
    others = [
        validated(GrantRequest, user="mia", credits="2"),
        validated(GrantRequest, user="mia", credits="1", reason="x"),
        validated(TransferRequest, user="mia", credits="1"),
    ]
    prints = {first.fingerprint("org"), first.fingerprint("other"), *(one.fingerprint("org") for one in others)}
    assert len(prints) == 5


def test_limits_are_set_and_lifted_in_one_request() -> None:
    asked = validated(LimitsRequest, member="mia", gpu_hours="2.5", credits="none", gpus="0", deployments="3")
    assert asked.changes == {
        Measure.GPU_HOURS: 9_000_000,
        Measure.CREDITS: None,
        Measure.GPUS: 0,
        Measure.DEPLOYMENTS: 3,
    }


def test_prices_that_are_not_named_stay() -> None:
    card = RateCard(gpu_models=(("h100", 9), ("t4", 1)), disk_gib_hour_ucr=7)
    asked = validated(RatesRequest, cluster="rack", set=("gpu-hour.H100=10", "cpu-hour=0", "stopped=0.25"))
    after = asked.applied_to(card)
    assert after == RateCard(
        gpu_models=(("h100", 10_000_000), ("t4", 1)), disk_gib_hour_ucr=7, cpu_hour_ucr=0, stopped_milli=250
    )


@pytest.mark.parametrize("text", ["0.0005", "1.001", "-0.1", "75%"])
def test_a_share_is_a_part_to_three_decimals(text: str) -> None:
    assert refusal(validated, RatesRequest, cluster="rack", set=(f"suspended={text}",)).message.startswith(
        ("suspended: ", "set: ")
    )


def test_use_is_told_by_user_where_nothing_is_said() -> None:
    assert validated(UseRequest, **{"from": "2026-01-01"}).by is UseHeading.USER
