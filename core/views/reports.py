"""What was used in a period and what is left, as one value that every face and every file renders alike.

The sentence that answers the question stands here, so that a channel, a terminal and a telephone read the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.domain.flavors import format_credits, format_gpu_hours
from core.domain.resources import format_duration
from core.views.money import Sum, UsageLine

TOP = 5
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_DAYS, _NAMED_DAYS = range(28, 32), 7
_BARS = "▁▂▃▄▅▆▇█"
_ROUGH_MS = 36_000  # a hundredth of a GPU-hour, in which a sentence speaks


@dataclass(frozen=True, slots=True)
class DayUse:
    day: str  # a local date such as 2026-11-09
    credits_ucr: int
    gpu_ms: int
    users: tuple[UsageLine, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentUse:
    id: str
    name: str
    owner: str
    credits_ucr: int
    gpu_ms: int
    postings: int


@dataclass(frozen=True, slots=True)
class Waits:
    """How long deployments that began in the period had waited: half of them less than the first, 95 % the second."""

    started: int
    half_ms: int
    most_ms: int


@dataclass(frozen=True, slots=True)
class ReportCard:
    org: str
    zone: str
    since: int
    until: int
    first_day: str
    last_day: str
    total: Sum
    before: Sum  # of the period before this one
    left: Sum  # at the period's end, or now: of the organization's wallets and treasury, or of the one member's wallet
    lasts_until_day: str | None  # at the period's pace; none where nothing was used or it lasts for years
    waits: Waits | None
    unposted_runs: int
    users: tuple[UsageLine, ...]
    deployments: tuple[DeploymentUse, ...]
    days: tuple[DayUse, ...]
    clusters: tuple[UsageLine, ...] = ()
    owner: str | None = None  # whose use it is, where it is that of one member alone
    so_far: bool = False  # the period is not over yet

    @property
    def whose(self) -> str:
        return f"{self.owner} in {self.org}" if self.owner else self.org

    @property
    def uses_gpus(self) -> bool:
        return bool(self.total.gpu_ms or self.before.gpu_ms)


def sentence(card: ReportCard) -> str:
    """The whole answer, for who reads nothing else."""
    return f"{days(card)}: {'; '.join(answers(card))}"


def answers(card: ReportCard) -> tuple[str, ...]:
    """What was used and by whom, and its change; what is left and how long; whether people waited."""
    if card.total == card.before == Sum():
        rest = f"{said_credits(card.left.credits_ucr)} and {said_gpu_hours(card.left.gpu_ms)}"
        return ("nothing is used so far" if card.so_far else "nothing was used, as before", f"{rest} left")
    used, left = said_credits(card.total.credits_ucr), said_credits(card.left.credits_ucr)
    if card.uses_gpus:
        used, left = f"{said_gpu_hours(card.total.gpu_ms)} and {used}", said_gpu_hours(card.left.gpu_ms)
    lasts = f", which lasts until about {_last_day(card)}" if card.lasts_until_day else ""
    told = (f"{used} used ({change(card)}){_mostly(card)}", f"{left} left{lasts}")
    return (*told, waiting(card)) if card.waits else told


def _mostly(card: ReportCard) -> str:
    """Who used it, in the fewest words."""
    if not card.users or card.owner:
        return ""
    top = card.users[0]
    return f", all by {top.what}" if len(card.users) == 1 else f", {share(card, top)} % of it by {top.what}"


def share(card: ReportCard, line: UsageLine) -> int:
    """Of all that was used, the hundredths that one has: in the book that the report speaks of."""
    part, whole = ((one.gpu_ms if card.uses_gpus else one.credits_ucr) for one in (line, card.total))
    return round(100 * part / whole) if whole > 0 else 0


def lasting(card: ReportCard) -> str:
    if card.lasts_until_day:
        return f"until about {_last_day(card)} at this pace"
    used = card.total.credits_ucr > 0 or card.total.gpu_ms > 0
    return "for more than two years at this pace" if used else "nothing was used"


def change(card: ReportCard) -> str:
    """Against the period before: `+12 %`, `as much as before`, or in words where there is nothing to compare with."""
    if card.so_far:
        return "so far"  # a part is not to be held against a whole
    now, before = (s.gpu_ms if card.uses_gpus else s.credits_ucr for s in (card.total, card.before))
    if before == now:
        return "as much as before"
    if before <= 0:
        return f"nothing {period_before(card)}"
    percent = round(100 * (now - before) / before)
    return f"{percent:+d} %" if abs(percent) < 1000 else f"{now / before:.0f} times as much"


def period_before(card: ReportCard) -> str:
    """What it is compared with: `the week before`."""
    count = len(card.days)
    name = {1: "day", 7: "week", **dict.fromkeys(_MONTH_DAYS, "month")}.get(count)
    return f"the {name} before" if name else f"the {count} days before"


def by_day(card: ReportCard) -> str:
    """The days as a row of blocks, each with its name where they are few; nothing of a day alone."""
    row = bars(card)
    if len(card.days) < 2 or len(card.days) > _NAMED_DAYS:
        return row if len(card.days) > 1 else ""
    names = [weekday(date.fromisoformat(one.day)) for one in card.days]
    return "  ".join(f"{name} {block}" for name, block in zip(names, row, strict=False))


def weekday(day: date) -> str:
    return _WEEKDAYS[day.weekday()]


def days(card: ReportCard) -> str:
    """The period as people say it: `9-15 Nov`, `1 Nov`, `28 Dec-3 Jan`."""
    if card.first_day == card.last_day:
        return day_of(card.first_day)
    first, last = date.fromisoformat(card.first_day), date.fromisoformat(card.last_day)
    begin = str(first.day) if (first.year, first.month) == (last.year, last.month) else day_of(card.first_day)
    return f"{begin}–{day_of(card.last_day)}"


def waiting(card: ReportCard) -> str:
    if card.waits is None:
        return "nothing started"
    half, most = format_duration(card.waits.half_ms), format_duration(card.waits.most_ms)
    if card.waits.started == 1:
        return f"1 started, after {half}"
    return f"{card.waits.started} started: half waited at most {half}, 95 % at most {most}"


def unmetered(card: ReportCard) -> str:
    """What its totals may still lack; nothing where they are whole."""
    count = card.unposted_runs
    runs = "1 run is" if count == 1 else f"{count} runs are"
    return f"{runs} not yet metered {'up to now' if card.so_far else 'to the end'}" if count else ""


def bars(card: ReportCard) -> str:
    """The days as a row of blocks, for where no picture is shown; a day of nothing is a dot."""
    amounts = [max(0, one.gpu_ms if card.uses_gpus else one.credits_ucr) for one in card.days]
    largest = max(amounts, default=0)
    if not largest:
        return ""
    return "".join(_BARS[amount * len(_BARS) // (largest + 1)] if amount else "·" for amount in amounts)


def rough_gpu_hours(gpu_ms: int) -> str:
    """To a hundredth of an hour; what is smaller is said to be so."""
    if 0 < gpu_ms < _ROUGH_MS:
        return "under 0.01"
    return _readable(format_gpu_hours((gpu_ms + _ROUGH_MS // 2) // _ROUGH_MS * _ROUGH_MS))


def rough_credits(ucr: int) -> str:
    if 0 < ucr < 10_000:
        return "under 0.01"
    return _readable(format_credits((ucr + 5_000) // 10_000 * 10_000))


def _readable(number: str) -> str:
    """As people write it: `11,469.83`, and `12` where nothing stands behind the point."""
    return f"{Decimal(number):,}".removesuffix(".0")


def said_gpu_hours(gpu_ms: int) -> str:
    return _counted(rough_gpu_hours(gpu_ms), "GPU-hour")


def said_credits(ucr: int) -> str:
    return _counted(rough_credits(ucr), "credit")


def _counted(number: str, what: str) -> str:
    return f"{number} {what}" if number == "1" else f"{number} {what}s"


def _last_day(card: ReportCard) -> str:
    """With its year, where that is another than the report's."""
    last = card.lasts_until_day or ""
    return day_of(last) + (f" {last[:4]}" if last[:4] != card.last_day[:4] else "")


def day_of(iso: str | None) -> str:
    if iso is None:
        return "-"
    day = date.fromisoformat(iso)
    return f"{day.day} {_MONTHS[day.month - 1]}"


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """Where and when a report is posted. `next_dues` are the three times that come next."""

    id: str
    channel: str
    when: str
    state: str
    next_at: int | None
    next_dues: tuple[str, ...]
    last: str | None  # what became of the newest one
