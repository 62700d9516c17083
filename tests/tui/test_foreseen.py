"""What console and command line say of a start: an instant where one is seen, else how far it was looked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import HOUR, MINUTE
from core.views.foresight import DelayLine, PreviewCard, QueueLine
from core.views.money import Sum
from tui.cli.work_answers import preview
from tui.format import instant, shown
from tui.screens.queue import _start_of
from tui.screens.submit import _verdict

NOW = 1_000 * HOUR


def line(**fields: int | None) -> QueueLine:
    known = {"estimate_at": None, "latest_at": None, **fields}
    return QueueLine(3, "dep-1", "train", "ana", 50, 1000, NOW, "capacity", **known)  # type: ignore[arg-type]


def card(**fields: object) -> PreviewCard:
    known = {"estimate_at": None, "latest_at": None, **fields}
    return PreviewCard("rack", 1, False, None, rate=Sum(), hold=Sum(), needs_approval=None, victims=(), **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "queue_says", "form_says"),
    [
        (
            {"estimate_at": NOW + HOUR, "latest_at": NOW + 3 * HOUR},
            ["likely in 60m, at the latest in 3h"],
            "waits; likely starts in 60m, at the latest in 3h",
        ),
        ({"not_before_at": NOW + 40 * MINUTE}, ["not expected within 40m"], "waits; not expected within 40m"),
        ({}, [], "waits; when it starts cannot be foreseen"),
    ],
)
def test_a_start_or_how_far_it_was_looked(fields: dict[str, int], queue_says: list[str], form_says: str) -> None:
    assert list(_start_of(line(**fields), NOW)) == queue_says
    assert form_says in str(_verdict(card(**fields), NOW)[0][1])


def test_of_many_delayed_the_rest_is_a_number() -> None:
    delayed = (DelayLine("dep-2", NOW + HOUR, NOW + 2 * HOUR),)
    shown = [str(part) for part in _verdict(card(delayed=delayed, delayed_more=41), NOW)]
    assert any("delays dep-2" in words for words in shown) and any("delays 41 more" in words for words in shown)


@pytest.mark.parametrize(
    ("fields", "said", "cell"),
    [
        (
            {"estimate_at": NOW + HOUR, "latest_at": NOW + 3 * HOUR},
            f"about {instant(NOW + HOUR)}, at the latest {instant(NOW + 3 * HOUR)}",
            instant(NOW + HOUR),
        ),
        (
            {"not_before_at": NOW + HOUR},
            f"after {instant(NOW + HOUR)}: so far it was looked",
            f"after {instant(NOW + HOUR)}",
        ),
        ({}, "not to be foreseen", "-"),
    ],
)
def test_the_command_line_says_it_too(fields: dict[str, int], said: str, cell: str) -> None:
    words = preview(card(**fields), 200)
    assert words.splitlines()[0].removeprefix("starts").strip().startswith(said)
    assert shown("estimate", line(**fields).estimate) == cell


def test_the_command_line_says_when_it_starts_now_and_whom_it_delays() -> None:
    delayed = (DelayLine("dep-2", NOW + HOUR, NOW + 2 * HOUR),)
    tried = card(delayed=delayed, delayed_more=41)
    words = preview(replace(tried, starts_now=True, node="n1", needs_approval="gpus"), 80)
    assert "now, on n1\n" in words and "dep-2" in words and "and 41 more\n" in words and "gpus" in words
