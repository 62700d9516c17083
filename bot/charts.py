"""The days of a report as a picture. The library is large and an extra, so it is loaded when the first is drawn."""

from __future__ import annotations

import importlib.util
import io

from core.domain.flavors import GPU_HOUR_MS, UCR
from core.views.reports import ReportCard, days

_INCHES = (8.0, 3.2)
_DOTS = 120
_BAR, _INK, _GRID = "#2563eb", "#111827", "#d1d5db"
MISSING = "no chart: the extra charts is not installed here"


def can_draw() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def png(card: ReportCard) -> bytes:
    """Bars by day with their axis from zero, readable in black and white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, and half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    unit, name = (GPU_HOUR_MS, "GPU-hours") if card.uses_gpus else (UCR, "credits")
    amounts = [(one.gpu_ms if card.uses_gpus else one.credits_ucr) / unit for one in card.days]
    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.bar(range(len(amounts)), amounts, color=_BAR, edgecolor=_INK, linewidth=0.5)
    step = max(1, len(amounts) // 10)
    axes.set_xticks(range(0, len(amounts), step), [one.day[5:] for one in card.days[::step]])
    axes.set_ylim(bottom=min(0.0, *amounts) if amounts else 0.0)
    axes.set_ylabel(name, color=_INK)
    axes.set_title(f"{name} by day, {days(card)}".replace("$", r"\$"), loc="left", color=_INK)
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()
