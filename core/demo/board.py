"""The plain board: clusters, queue, people's balances, what has just happened. For a pipe or a narrow place."""

from __future__ import annotations

from datetime import UTC, datetime

from core.commands.verbs import Bursar
from core.demo.cast import OPERATOR, ORGS, acting_in
from core.domain.flavors import GPU_HOUR_MS, UCR
from core.domain.resources import format_gpu
from core.domain.roles import Caller
from core.domain.text import safe_text
from core.views.operations import AuditLine
from core.views.work import ClusterLine

_BAR = 24


def board(bursar: Bursar, callers: dict[str, Caller], *, seen: int = 0) -> tuple[str, int]:
    """The board as text, and the number of the newest event in it, from which the next one goes on."""
    lines = ["", "CLUSTERS"]
    shown: set[str] = set()
    for org in ORGS:
        for cluster in bursar.clusters.list(callers[org.admin]).items:
            if cluster.id not in shown:
                shown.add(cluster.id)
                lines.append(_cluster(cluster))
    for org in ORGS:
        lines += _org(bursar, callers, org.name, org.admin, org.members)
    events = [line for line in bursar.operations.audit_everywhere(callers[OPERATOR], 8).items if line.seq > seen]
    lines += ["JUST NOW", *(_event(line) for line in reversed(events))] if events else []
    return "\n".join(lines) + "\n", max([seen, *(line.seq for line in events)])


def _cluster(line: ClusterLine) -> str:
    used, total = line.used.gpu_milli, line.total.gpu_milli
    what = f"{format_gpu(used)}/{format_gpu(total)} GPU"
    if not total:
        used, total = line.used.cpu_milli, line.total.cpu_milli
        what = f"{used / 1000:g}/{total / 1000:g} CPU"
    filled = round(_BAR * used / total) if total else 0
    simulated = "simulated" if line.driver == "scripted" else "real processes"
    return f"  {line.name:13} [{'#' * filled}{'.' * (_BAR - filled)}] {what:12} {simulated}"


def _org(bursar: Bursar, callers: dict[str, Caller], org: str, admin: str, members: tuple[str, ...]) -> list[str]:
    caller = acting_in(callers[admin], org)
    states: dict[str, int] = {}
    for line in bursar.deployments.list(caller, limit=200).items:
        states[line.state.value] = states.get(line.state.value, 0) + 1
    counted = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items()))
    lines = [org.upper(), f"  deployments: {counted or 'none'}"]
    for name in (admin, *members):
        wallet = bursar.credits.wallet(caller, name)
        balance = f"{wallet.credits.available_ucr / UCR:,.2f} credits"
        hours = f"{wallet.gpu_hours.available_gpu_ms / GPU_HOUR_MS:,.1f} GPU-hours"
        burn = f"{wallet.credits.burn_per_hour_ucr / UCR:,.2f}/h"
        lines.append(f"  {name:8} {balance:>18} {hours:>18}   burning {burn}")
    return lines


def _event(line: AuditLine) -> str:
    at = datetime.fromtimestamp(line.at // 1_000_000, UTC).strftime("%H:%M:%S")
    return f"  {at} {safe_text(line.verb):24} {safe_text(line.target):12} {safe_text(line.org or '')} by {line.actor}"
