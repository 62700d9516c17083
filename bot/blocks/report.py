"""A report for a channel: the answer in three lines, who and what used most; details are in the thread."""

from __future__ import annotations

from collections.abc import Callable

from bot.blocks.lists import bar
from bot.blocks.parts import Block, Message, button, buttons, context, divider, fields, header, message, section
from bot.ids import Action
from bot.markup import literal, moment, moment_utc, safe_slack
from bot.wording import rough_books
from core.domain.schedule import When
from core.views import reports
from core.views.money import Sum
from core.views.reports import TOP, ReportCard

MEDALS = ("1.", "2.", "3.", "4.", "5.")
Note = tuple[str, int | None]  # words, and the instant that they end with


def report(card: ReportCard, notes: tuple[Note, ...] = ()) -> Message:
    """`notes` are said below: that it is late, that it was corrected, that there is no chart."""
    said = reports.sentence(card)
    blocks: list[Block] = [
        header(literal(f"{card.whose}: use {reports.days(card)}", 150)),
        section("\n".join(safe_slack(one) for one in reports.answers(card))),
    ]
    if card.total != Sum() or card.before != Sum():
        blocks.append(fields(_facts(card)))
    if row := reports.by_day(card):
        blocks.append(context(f"day by day  {row}"))
    if card.users and not card.owner:
        blocks += [divider(), section("*Who used most*\n" + _people(card))]
    if card.deployments:
        named = [(f"{one.name or one.id} of {one.owner or '-'}", _sum(one)) for one in card.deployments]
        blocks.append(section("*What used most*\n" + _top(named)))
    how = f"running time only, as the ledger has it; days of {card.zone}"
    if card.unposted_runs:
        how += f"; {reports.unmetered(card)}"
    blocks.append(context(how, *(_noted(note, moment) for note in notes)))
    return message(f"{card.whose}: {said}" + "".join(f" ({_noted(note, moment_utc)})" for note in notes), blocks)


def _noted(note: Note, said: Callable[[int], str]) -> str:
    words, at = note
    return safe_slack(words, 300) + (f" {said(at)}" if at is not None else "")


def preview(card: ReportCard, channel: str, when: When, due: int) -> Message:
    """Shown to the one who asks, before anything is posted to others; `due` is when the first would be."""
    made = report(card)
    often = when.cadence.value
    label = f"post this report here {often}"
    ask = button(f"Post it {often}", Action.SCHEDULE, f"{channel} {when}", label=label, style="primary")
    note = f"only you see this; it would come {when}, the first {moment(due)}"
    return Message(f"preview: {made.text}; it would come {when}", (context(note), *made.blocks, buttons(ask)))


def alt_text(card: ReportCard) -> str:
    """What the chart shows, with its numbers, for who does not see it."""
    books = [(one.day[5:], rough_books(Sum(one.credits_ucr, one.gpu_ms))) for one in card.days]
    told = "; ".join(f"{day}: {amount}" for day, amount in books)
    return literal(f"Use of {card.whose} by day, {reports.days(card)}. {told}", 1900)


def _facts(card: ReportCard) -> list[tuple[str, str]]:
    return [
        (reports.period_before(card), _rough(card.before) if card.before != Sum() else "nothing"),
        ("left", _rough(card.left)),
    ]


def _rough(amount: Sum) -> str:
    return f"{reports.said_gpu_hours(amount.gpu_ms)}, {reports.said_credits(amount.credits_ucr)}"


def _sum(line: object) -> str:
    return _rough(Sum(getattr(line, "credits_ucr", 0), getattr(line, "gpu_ms", 0)))


def _people(card: ReportCard) -> str:
    """Each with their share as a bar, so that who used how much is seen before it is read."""
    shown = [
        f"{bar(percent, 100)} *{safe_slack(one.what, 200)}* {percent} % · {_sum(one)}"
        for one in card.users[:TOP]
        for percent in [reports.share(card, one)]
    ]
    more = len(card.users) - TOP
    return "\n".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _top(lines: list[tuple[str, str]]) -> str:
    shown = [
        f"{place} {safe_slack(what, 200)} · {amount}" for place, (what, amount) in zip(MEDALS, lines, strict=False)
    ]
    more = len(lines) - TOP
    return "\n".join([*shown, *([f"and {more} more"] if more > 0 else [])])
