"""Amounts, prices and flavors: what is read, what is refused, and which version is in force."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import flavors
from core.domain.errors import BursarError, Conflict, Invalid, NotFound
from core.domain.flavors import Flavor, RateCard, RunRate
from core.domain.resources import Resources
from core.domain.text import safe_text

ONE_GPU = Resources(cpu_milli=8000, ram_mib=32 * 1024, gpu_milli=1000)


@pytest.mark.parametrize(
    ("text", "ucr"),
    [
        ("1", 1_000_000),
        ("0.000001", 1),
        ("12.5", 12_500_000),
        ("1000000000", 10**15),
        ("007.10", 7_100_000),
        ("0" * 39 + "1", 1_000_000),
    ],
)
def test_credits_are_read_exactly(text: str, ucr: int) -> None:
    assert flavors.parse_credits(text) == ucr


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", "amount_out_of_range"),
        ("0.0", "amount_out_of_range"),
        ("-0.0", "amount_out_of_range"),
        ("-5", "amount_out_of_range"),
        ("-0.0000001", "amount_out_of_range"),
        ("1000000000.000001", "amount_out_of_range"),
        ("1" + "0" * 30, "amount_out_of_range"),
        ("0.0000001", "amount_too_fine"),
        ("1.0000001", "amount_too_fine"),
        ("999999999.0000000000000000000001", "amount_too_fine"),
        ("1e30", "malformed_amount"),
        ("NaN", "malformed_amount"),
        ("inf", "malformed_amount"),
        ("1_000", "malformed_amount"),
        (" 1", "malformed_amount"),
        ("1.", "malformed_amount"),
        ("１２", "malformed_amount"),
        ("", "malformed_amount"),
        ("9" * 5000, "malformed_amount"),
        ("0" * 40 + "1", "malformed_amount"),
        ("\x1b[31m5", "malformed_amount"),
    ],
)
def test_B41_an_amount_outside_the_rule_is_refused_without_rounding(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        flavors.parse_credits(text)
    assert caught.value.code == code
    assert "0.000001–1,000,000,000 credits, at most 6 decimals" in caught.value.message
    assert caught.value.message.startswith("amount: ")
    assert safe_text(caught.value.message) == caught.value.message
    assert len(caught.value.message) < 200


def test_B59_a_decimal_comma_is_refused_with_a_hint() -> None:
    with pytest.raises(Invalid) as caught:
        flavors.parse_credits("1,5", name="credits")
    assert caught.value.message.startswith("credits: '1,5'")
    assert caught.value.hint is not None
    assert "decimal sign is a point" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "gpu_ms"), [("10", 36_000_000), ("0.5", 1_800_000), ("0.00001", 36), ("1000000000", 36 * 10**14)]
)
def test_gpu_hours_are_read_exactly(text: str, gpu_ms: int) -> None:
    assert flavors.parse_gpu_hours(text) == gpu_ms


@pytest.mark.parametrize(
    ("text", "code"),
    [("0", "amount_out_of_range"), ("0.000001", "amount_too_fine"), ("1000000001", "amount_out_of_range")],
)
def test_B41_gpu_hours_outside_the_rule_are_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        flavors.parse_gpu_hours(text)
    assert caught.value.code == code
    assert "GPU-hours" in caught.value.message


def test_a_price_may_be_nothing_and_never_negative() -> None:
    assert flavors.parse_price("0") == 0
    with pytest.raises(Invalid) as caught:
        flavors.parse_price("-1")
    assert caught.value.code == "amount_out_of_range"


@pytest.mark.parametrize(
    ("ucr", "text"), [(0, "0.0"), (1, "0.000001"), (12_000_000, "12.0"), (-500_000, "-0.5"), (-1, "-0.000001")]
)
def test_credits_are_shown_to_the_last_micro_credit(ucr: int, text: str) -> None:
    assert flavors.format_credits(ucr) == text


@settings(max_examples=200, deadline=None)
@given(st.integers(1, flavors.MOST_UCR))
def test_what_is_shown_reads_back_the_same(ucr: int) -> None:
    assert flavors.parse_credits(flavors.format_credits(ucr)) == ucr


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    for parse in (flavors.parse_credits, flavors.parse_price, flavors.parse_gpu_hours):
        try:
            parse(text)
        except BursarError as refused:
            assert safe_text(refused.message) == refused.message


@settings(max_examples=200, deadline=None)
@given(st.integers(0, flavors.MOST_GPU_MS), st.integers(1, 10**9))
def test_a_need_beyond_what_is_left_never_looks_equal_to_it(left: int, missing: int) -> None:
    need = flavors.format_gpu_hours(left + missing, round_up=True)
    assert need != flavors.format_gpu_hours(left)


def test_gpu_hours_are_shown_with_one_decimal_at_least() -> None:
    assert flavors.format_gpu_hours(36_000_000) == "10.0"
    assert flavors.format_gpu_hours(34_200_000) == "9.5"
    assert flavors.format_gpu_hours(1) == "0.0"
    assert flavors.format_gpu_hours(1, round_up=True) == "0.001"


def test_the_default_prices_are_five_credits_a_gpu_five_hundredths_a_cpu_and_one_hundredth_a_gib() -> None:
    card = RateCard()
    assert flavors.rate_for(Resources(gpu_milli=1000), None, None, card) == 5_000_000
    assert flavors.rate_for(Resources(cpu_milli=1000), None, None, card) == 50_000
    assert flavors.rate_for(Resources(ram_mib=1024), None, None, card) == 10_000
    assert flavors.rate_for(ONE_GPU, None, None, card) == 5_720_000


def test_a_rate_is_floored_once_over_the_whole_sum() -> None:
    card = RateCard(cpu_hour_ucr=1, gib_hour_ucr=1, gpu_hour_ucr=1)
    assert flavors.rate_for(Resources(cpu_milli=500, ram_mib=512), None, None, card) == 1
    assert flavors.rate_for(Resources(cpu_milli=500, ram_mib=511), None, None, card) == 0


def test_a_gpu_model_has_its_own_price_whatever_the_case_of_its_letters() -> None:
    card = (
        RateCard().with_gpu_price("H100", 8_000_000).with_gpu_price("l4", 1_000_000).with_gpu_price("h100", 9_000_000)
    )
    assert flavors.rate_for(Resources(gpu_milli=500), "H100", None, card) == 4_500_000
    assert flavors.rate_for(Resources(gpu_milli=1000), "L4", None, card) == 1_000_000
    assert flavors.rate_for(Resources(gpu_milli=1000), "A100", None, card) == 5_000_000
    assert card.gpu_models == (("h100", 9_000_000), ("l4", 1_000_000))


def test_a_flavor_price_stands_for_all_its_compute_and_disk_is_paid_apart() -> None:
    size = Resources(cpu_milli=4000, ram_mib=8192, gpu_milli=1000, disk_mib=50 * 1024)
    flavor = Flavor("gpu.small", size, 3_000_000, version=4)
    card = RateCard(version=7, disk_gib_hour_ucr=100, suspended_milli=600)
    assert flavors.freeze_rate(size, None, flavor, card) == RunRate(
        compute_ucr=3_000_000,
        disk_ucr=5_000,
        gpu_milli=1000,
        suspended_milli=600,
        stopped_milli=0,
        card_version=7,
        flavor="gpu.small",
        flavor_version=4,
    )
    assert flavors.freeze_rate(size, None, None, card).flavor is None


def test_the_card_in_force_is_the_latest_that_has_begun() -> None:
    cards = [RateCard(version=1, effective_from=100), RateCard(version=2, effective_from=300)]
    cards.append(RateCard(version=3, effective_from=300))
    assert flavors.card_at(cards, 99).version == 0
    assert flavors.card_at(cards, 100).version == 1
    assert flavors.card_at(cards, 299).version == 1
    assert flavors.card_at(cards, 300).version == 3


def test_a_price_never_reaches_back() -> None:
    card = flavors.next_card([RateCard(version=4)], RateCard(effective_from=500), now=500)
    assert (card.version, card.effective_from) == (5, 500)
    assert flavors.next_card([], RateCard(effective_from=1), now=0).version == 1
    with pytest.raises(Conflict) as caught:
        flavors.next_card([card], RateCard(effective_from=499), now=500)
    assert caught.value.code == "rates_retroactive"


def test_a_flavor_is_found_in_the_version_in_force_and_not_after_it_is_retired() -> None:
    first = flavors.next_flavor([], Flavor("small", Resources(cpu_milli=1000), 10, version=9), now=0)
    assert first.version == 1
    second = flavors.next_flavor([first], Flavor("small", Resources(cpu_milli=1000), 20, effective_from=50), now=10)
    assert second.version == 2
    known = [second, first]
    assert flavors.flavor_at(known, "small", 49).ucr_per_hour == 10
    assert flavors.flavor_at(known, "small", 50).ucr_per_hour == 20
    known.append(flavors.retired_flavor(known, "small", now=60))
    assert known[-1].version == 3
    assert flavors.flavor_at(known, "small", 59).version == 2
    with pytest.raises(NotFound) as caught:
        flavors.flavor_at(known, "small", 60)
    assert caught.value.hint == "give cpu, ram and gpu instead; no flavor is set"


def test_an_unknown_flavor_is_answered_with_those_there_are() -> None:
    known = [Flavor("bb", Resources(cpu_milli=1), 1), Flavor("aa", Resources(cpu_milli=1), 1)]
    with pytest.raises(NotFound) as caught:
        flavors.flavor_at(known, "c\x1b", 0)
    assert caught.value.code == "flavor_not_found"
    assert caught.value.message == "no flavor 'c␛'"
    assert caught.value.hint == "there are: aa, bb"


@pytest.mark.parametrize("name", ["", "a" * 64, "-a", "a-", "a b", "[red]", "a\x1b", "аdmin", "con"])
def test_a_flavor_name_outside_the_rule_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        Flavor(name, Resources(cpu_milli=1), 1)
    assert caught.value.message.startswith("flavor: ")
    assert safe_text(caught.value.message) == caught.value.message


def test_a_flavor_name_is_kept_in_lower_case() -> None:
    assert Flavor("M1.Small", Resources(cpu_milli=1), 1).name == "m1.small"


def test_a_flavor_without_size_or_with_a_negative_price_is_refused() -> None:
    with pytest.raises(Invalid, match="holds nothing"):
        Flavor("disk-only", Resources(disk_mib=5), 1)
    with pytest.raises(Invalid, match="holds nothing"):
        Flavor("negative", Resources(cpu_milli=5, ram_mib=-1), 1)
    with pytest.raises(Invalid) as caught:
        Flavor("small", Resources(cpu_milli=5), -1)
    assert caught.value.code == "price_out_of_range"


def test_a_card_with_a_price_or_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        RateCard(gpu_models=(("h100", -1),))
    assert caught.value.code == "price_out_of_range"
    with pytest.raises(Invalid) as caught:
        RateCard(suspended_milli=1001)
    assert caught.value.code == "share_out_of_range"
