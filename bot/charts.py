"""The days of a report as a picture. The library is large and an extra, so it is loaded when the first is drawn."""

from __future__ import annotations

import importlib.util
import io
from datetime import date
from typing import Any

from core.domain.flavors import GPU_HOUR_MS, UCR
from core.views.reports import TOP, DayUse, ReportCard, days, rough_credits, rough_gpu_hours

_INCHES = (8.0, 3.6)
_DOTS = 150
_INK, _QUIET, _GRID, _PAPER = "#111827", "#6b7280", "#e5e7eb", "#ffffff"
# Told apart by whoever sees few colours, and in print by how dark they are.
_PEOPLE = ("#1f4e9c", "#e69f00", "#56b4e9", "#b3372f", "#7a9f35")
_OTHERS = "#9ca3af"
_NAMED_DAYS, _MOST_TICKS = 10, 11
MISSING = "no chart: the extra charts is not installed here"


def can_draw() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def worth_drawing(card: ReportCard) -> bool:
    """One day has nothing to be compared with."""
    return len(card.days) > 1


def png(card: ReportCard) -> bytes:
    """A bar for each day, of as many parts as people used something; on paper of its own, whatever lies behind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, and half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    name = "GPU-hours" if card.uses_gpus else "credits"
    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained", facecolor=_PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _stack(axes, card)
    _days_below(axes, card)
    axes.set_title(_literal(f"{name} by day, {days(card)}"), loc="left", color=_INK, fontweight="bold", pad=12)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_QUIET)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def parts(card: ReportCard) -> list[tuple[str, list[float]]]:
    """Who used how much on each day: those who used most by name, all others as one. Together they are the day."""
    named = [one.what for one in card.users[:TOP]]
    found: list[tuple[str, list[float]]] = [(who, [_of(card, day, who) for day in card.days]) for who in named]
    others = [_amount(card, day) - sum(amounts[place] for _, amounts in found) for place, day in enumerate(card.days)]
    return [*found, ("others", others)] if len(card.users) > TOP or not named else found


def _stack(axes: Any, card: ReportCard) -> None:
    places = range(len(card.days))
    below = [0.0] * len(card.days)
    shown = parts(card)
    for number, (who, amounts) in enumerate(shown):
        colour = _PEOPLE[number] if number < TOP and who != "others" else _OTHERS
        axes.bar(places, amounts, bottom=below, color=colour, edgecolor=_PAPER, linewidth=0.8, label=_literal(who))
        below = [low + more for low, more in zip(below, amounts, strict=True)]
    axes.set_ylim(bottom=min(0.0, *below, 0.0), top=max(*below, 0.0, 0.0) * 1.12 or 1.0)
    if len(card.days) <= _NAMED_DAYS:
        for place, (day, top) in enumerate(zip(card.days, below, strict=True)):
            if top > 0:
                said = rough_gpu_hours(day.gpu_ms) if card.uses_gpus else rough_credits(day.credits_ucr)
                axes.annotate(said, (place, top), (0, 3), textcoords="offset points", ha="center", color=_INK)
    if card.users:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=TOP + 1, frameon=False, handlelength=1, fontsize=9)


def _days_below(axes: Any, card: ReportCard) -> None:
    step = max(1, -(-len(card.days) // _MOST_TICKS))
    named = "%a\n{0} %b" if len(card.days) <= _NAMED_DAYS else "{0} %b"
    told = [date.fromisoformat(one.day) for one in card.days[::step]]
    axes.set_xticks(range(0, len(card.days), step), [day.strftime(named.format(day.day)) for day in told])
    axes.set_xlim(-0.6, len(card.days) - 0.4)


def _of(card: ReportCard, day: DayUse, who: str) -> float:
    mine = next((one for one in day.users if one.what == who), None)
    return _amount(card, mine) if mine is not None else 0.0


def _amount(card: ReportCard, used: Any) -> float:
    return float(used.gpu_ms / GPU_HOUR_MS if card.uses_gpus else used.credits_ucr / UCR)


def _literal(text: str) -> str:
    """Two dollars would be read as a formula."""
    return text.replace("$", r"\$")
