"""Reports in a terminal: the sentence that answers, then the same facts that a channel gets."""

from __future__ import annotations

from core.domain.text import safe_text
from core.views import reports
from core.views.money import Sum
from core.views.reports import TOP, ReportCard
from tui.cli.tables import card, wrapped
from tui.format import shown


def report(answer: ReportCard, width: int) -> str:
    lines = wrapped("", safe_text(f"{answer.whose}: {reports.sentence(answer)}"), width)
    facts = card(
        [
            ("used", f"{shown('total', answer.total)} ({reports.change(answer)})"),
            ("before", shown("before", answer.before)),
            ("left", shown("left", answer.left)),
            ("lasts", reports.lasting(answer)),
            ("waiting time", reports.waiting(answer)),
            ("day by day", f"{reports.bars(answer)} {answer.first_day} to {answer.last_day}".strip()),
        ],
        width,
    )
    users = [(one.what, Sum(one.credits_ucr, one.gpu_ms)) for one in answer.users if not answer.owner]
    work = [(f"{one.id} {one.name} of {one.owner}", Sum(one.credits_ucr, one.gpu_ms)) for one in answer.deployments]
    missing = f"{reports.unmetered(answer)}\n" if answer.unposted_runs else ""
    return "\n".join(lines) + "\n" + facts + _top("who used most", users) + _top("what used most", work) + missing


def _top(title: str, lines: list[tuple[str, Sum]]) -> str:
    if not lines:
        return ""
    told = [f"  {safe_text(what)}  {shown('sum', amount)}" for what, amount in lines[:TOP]]
    more = [f"  and {len(lines) - TOP} more"] if len(lines) > TOP else []
    return "\n".join([f"{title}:", *told, *more]) + "\n"
