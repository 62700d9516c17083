from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.domain.resources import (
    LONGEST_MS,
    MOST_CPU_MILLI,
    MOST_GPU_MILLI,
    NOTHING,
    SHORTEST_MS,
    Resources,
    check_whole,
    format_cpu,
    format_duration,
    format_gpu,
    format_memory,
    format_resources,
    parse_cpu,
    parse_disk,
    parse_duration,
    parse_gpu,
    parse_hours,
    parse_memory,
    parse_whole,
)
from tests.domain.refusal import refusal, table
from tests.domain.test_text import ANY_TEXT

AMOUNT = st.integers(min_value=-(10**12), max_value=10**12)
RESOURCES = st.builds(Resources, AMOUNT, AMOUNT, AMOUNT, AMOUNT)
PARSERS: list[Callable[..., int]] = [parse_cpu, parse_gpu, parse_memory, parse_disk, parse_hours]
NOT_NUMBERS = [
    "-1",
    "+1",
    "2 ",
    " 2",
    "１２",
    "٣",
    "1_000",
    "0x10",
    "1e3",
    "True",
    "true",
    "",
    ".5",
    "5.",
    "1.2.3",
    "²",
]


@table(
    ("text", "milli"),
    [
        ("a whole number", "8", 8000),
        ("a half", "0.5", 500),
        ("a thousandth", "0.001", 1),
        ("a float as a file writes it", "8.0", 8000),
        ("nothing", "0", 0),
        ("zeros in front", "007", 7000),
    ],
)
def test_cpus_are_read_exactly(text: str, milli: int) -> None:
    assert parse_cpu(text) == milli
    assert parse_gpu(text) == milli


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_B10_what_int_and_float_would_take_besides_is_refused(parse: Callable[..., int], text: str) -> None:
    error = refusal(parse, text, name="field")
    assert error.code == "malformed_amount"
    assert error.message.startswith("field: ")
    assert f"'{text}'" in error.message


@pytest.mark.parametrize("text", ["1.5", "2.001", "64.5"])
def test_B10_a_share_of_a_gpu_lies_inside_one_device(text: str) -> None:
    error = refusal(parse_gpu, text)
    assert error.code == "gpu_not_whole"
    assert error.message == (
        f"gpu: '{text}' GPUs cannot be had: a share lies inside one device, more are whole devices"
    )
    whole = int(Decimal(text))
    assert error.hint == f"ask for {whole} or {whole + 1}"


@pytest.mark.parametrize("text", ["0.25", "0.999", "1", "1.0", "2", "64"])
def test_shares_below_one_and_whole_gpus_are_taken(text: str) -> None:
    assert parse_gpu(text) == int(Decimal(text) * 1000)


@pytest.mark.parametrize("number", [10**9, 2**31, 10**12 - 1])
def test_B11_amounts_beyond_any_machine(number: int) -> None:
    error = refusal(parse_gpu, str(number))
    assert (error.code, error.message) == ("too_large", f"gpu: '{number}' is more than any machine has")


def test_B11_amounts_beyond_any_integer_are_not_even_computed() -> None:
    for text in (str(2**63), "9" * 10_000_000):
        error = refusal(parse_gpu, text)
        assert error.code == "malformed_amount"
    assert parse_gpu(str(MOST_GPU_MILLI // 1000)) == MOST_GPU_MILLI
    assert parse_cpu(str(MOST_CPU_MILLI // 1000)) == MOST_CPU_MILLI


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "1e400", "-0.0", "1e-12", "0", "0.0", "0.0099", "8760.01", "x"])
def test_B12_hours_are_a_number_within_a_year(text: str) -> None:
    error = refusal(parse_hours, text)
    assert error.message == f"hours: a number between 0.01 and 8760 (got '{text}')"
    assert error.code in ("malformed_amount", "out_of_range")
    assert error.hint is not None
    assert error.hint.startswith("give hours such as 1.5, or 90m, 2d")


@table(
    ("text", "ms"),
    [
        ("a bare number means hours", "1.5", 5_400_000),
        ("the shortest", "0.01", SHORTEST_MS),
        ("the longest", "8760", LONGEST_MS),
        ("minutes", "90m", 5_400_000),
        ("minutes, spelled", "90 min", 5_400_000),
        ("days", "2d", 172_800_000),
        ("weeks", "1w", 604_800_000),
        ("seconds", "36s", 36_000),
        ("hours, named", "1.5 h", 5_400_000),
        ("upper case", "2D", 172_800_000),
        ("what is finer than a millisecond is rounded up", "0.333333333", 1_200_000),
    ],
)
def test_hours_are_read(text: str, ms: int) -> None:
    assert parse_hours(text) == ms


def test_durations_have_limits_of_their_own() -> None:
    assert parse_duration("5s", name="grace", shortest_ms=0, longest_ms=60_000) == 5_000
    error = refusal(parse_duration, "2m", name="grace", shortest_ms=0, longest_ms=60_000)
    assert (error.code, error.message) == ("out_of_range", "grace: '2m' is not between 0 s and 1 m")
    assert refusal(parse_duration, "soon", name="grace").code == "malformed_amount"


@table(
    ("text", "mib"),
    [
        ("a bare number means GiB", "64", 65_536),
        ("a fraction of a GiB", "0.5", 512),
        ("GiB, named", "64GiB", 65_536),
        ("as Kubernetes writes it", "64Gi", 65_536),
        ("as Slurm writes it", "64G", 65_536),
        ("with a space and in lower case", "64 gib", 65_536),
        ("MiB", "512MiB", 512),
        ("TiB", "2TiB", 2_097_152),
        ("powers of ten, rounded up to a MiB", "64GB", 61_036),
        ("powers of ten in lower case", "64 gb", 61_036),
        ("MB of a machine", "1024MB", 977),
        ("less than a MiB is one", "0.1m", 1),
    ],
)
def test_B13_sizes_have_one_grammar(text: str, mib: int) -> None:
    assert parse_memory(text) == parse_disk(text) == mib


@pytest.mark.parametrize("text", ["-64G", "64  GB", "64XB", "GB", "64GB ", "64 GB/s", "6 4"])
def test_B13_other_sizes_are_refused_with_the_grammar(text: str) -> None:
    error = refusal(parse_memory, text)
    assert error.message == f"ram: '{text}' is not a size such as 2 (GiB), 512MiB or 64GB"
    assert error.hint == "give a size such as 2 (GiB), 512MiB or 64GB"


@pytest.mark.parametrize("parse", PARSERS)
def test_B59_commas_and_other_digits_are_refused_with_a_hint(parse: Callable[..., int]) -> None:
    assert (refusal(parse, "1,5").hint or "").endswith("; the decimal sign is a point")
    assert (refusal(parse, "٣").hint or "").endswith("; in the digits 0 to 9")


def test_thousandths_are_the_finest() -> None:
    error = refusal(parse_cpu, "0.0005")
    assert (error.code, error.message) == ("too_fine", "cpu: '0.0005' is finer than a thousandth")


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1_000", "１", "0x1", " 1", "9" * 19, "9" * 10_000, "1,5"])
def test_B10_whole_numbers_are_plain_digits(text: str) -> None:
    error = refusal(parse_whole, text, name="priority", least=0, most=100)
    assert error.code == "malformed_amount"
    assert error.message.endswith("is not a whole number between 0 and 100")


def test_whole_numbers_keep_their_bounds() -> None:
    assert [parse_whole(text, name="n", least=0, most=100) for text in ("0", "007", "100")] == [0, 7, 100]
    for error in (
        refusal(parse_whole, "101", name="n", least=0, most=100),
        refusal(check_whole, 101, name="n", least=0, most=100),
    ):
        assert (error.code, error.message) == ("out_of_range", "n: a whole number between 0 and 100 (got 101)")
    assert "a number of 16610 bits" in refusal(check_whole, 10**5000, name="n", least=0, most=1).message


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_any_text_is_an_amount_or_refused_in_words(text: str) -> None:
    for parse in PARSERS:
        try:
            assert parse(text) >= 0
        except Invalid as error:
            error.message.encode()


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=MOST_CPU_MILLI))
def test_what_is_shown_is_read_back(amount: int) -> None:
    assert parse_cpu(format_cpu(amount)) == amount
    whole = amount if amount <= 1000 else amount // 1000 * 1000
    assert parse_gpu(format_gpu(whole)) == whole
    assert parse_memory(format_memory(amount * 1024)) == amount * 1024
    if amount < 10 * 1024:
        assert parse_memory(format_memory(amount)) == amount


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=LONGEST_MS))
def test_a_duration_shown_differs_by_less_than_its_last_decimal(ms: int) -> None:
    shown = parse_duration(format_duration(ms), name="hours", shortest_ms=0)
    finest = 36_000 if ms >= 3_600_000 else 6_000 if ms >= 60_000 else 100
    assert abs(shown - ms) <= finest // 2 + 1


@table(
    ("amount", "shown"),
    [
        ("all four", Resources(2000, 16_384, 1000, 51_200), "2 CPU, 16 GiB, 1 GPU, 50 GiB disk"),
        ("what is zero is left out", Resources(500, 0, 500), "0.5 CPU, 0.5 GPU"),
        ("small memory in MiB", Resources(0, 1536), "1536 MiB"),
        ("much memory with one decimal", Resources(0, 20_000), "19.5 GiB"),
        ("nothing", NOTHING, "nothing"),
    ],
)
def test_amounts_are_shown(amount: Resources, shown: str) -> None:
    assert format_resources(amount) == shown


@table(
    ("ms", "shown"),
    [
        ("days", 172_800_000, "2 d"),
        ("hours", 5_400_000, "1.5 h"),
        ("minutes", 1_800_000, "30 m"),
        ("seconds", 36_000, "36 s"),
        ("parts of a second", 1_500, "1.5 s"),
        ("nothing", 0, "0 s"),
    ],
)
def test_durations_are_shown(ms: int, shown: str) -> None:
    assert format_duration(ms) == shown


@settings(max_examples=150, deadline=None)
@given(RESOURCES, RESOURCES, st.integers(min_value=0, max_value=1000))
def test_I_C10_amounts_add_exactly(a: Resources, b: Resources, count: int) -> None:
    assert a + b == b + a
    assert a + b - b == a
    assert a - a == NOTHING
    assert (a - a).is_nothing()
    assert a.times(count) + a == a.times(count + 1)


@settings(max_examples=150, deadline=None)
@given(RESOURCES, RESOURCES)
def test_what_does_not_fit_is_exactly_what_lies_beyond(a: Resources, room: Resources) -> None:
    beyond = a.beyond(room)
    assert not beyond.is_negative()
    assert beyond.is_nothing() == a.fits_in(room) == (not (room - a).is_negative())
    assert (a - beyond).fits_in(room)
