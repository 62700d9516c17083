"""What a person could change so that a deployment starts: each piece of advice was tried before it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.domain.resources import format_cpu, format_duration, format_gpu, format_memory
from core.scheduler.capacity import Host
from core.scheduler.cycle import Pass
from core.scheduler.ordering import Class, effective_priority
from core.scheduler.placement import Shape
from core.scheduler.policy import Order
from core.scheduler.preemption import choose_victims, highest_below, may_preempt
from core.scheduler.values import WHOLE, Waiting

HIGHEST_PRIORITY = 100
SHORTEST_MS = 60_000
MOST_TRIES = 8
SHARE_STEP = 100  # shares are advised in tenths of a device


@dataclass(frozen=True, slots=True)
class Advice:
    """`item` is the deployment so changed: instead of the one that waits it starts, or evicts, in this very pass.

    `words` say the change, for `said`; those of a higher priority are a sentence of their own.
    """

    words: str
    item: Waiting


def to_start(made: Pass, item: Waiting, hosts: list[Host], nearest: Host) -> list[Advice]:
    """Changes of the request with which it would start: in size, in place. The hosts are those that could hold it."""
    found = (fewer_gpus(made, item, hosts) or less(made, item, nearest), elsewhere(made, item))
    return [advice for advice in found if advice is not None]


def said(pieces: list[Advice]) -> str:
    return f"would start now {', or '.join(advice.words for advice in pieces)}" if pieces else ""


def fewer_gpus(made: Pass, item: Waiting, hosts: list[Host]) -> Advice | None:
    """The most GPUs per replica that are there, or the largest share of one."""
    for milli in _gpus_below(item, hosts):
        smaller = replace(item, resources=replace(item.resources, gpu_milli=milli))
        if _fits(made, smaller):
            return Advice(f"with {counted('gpu_milli', milli)}", smaller)
    return None


def _gpus_below(item: Waiting, hosts: list[Host]) -> Iterator[int]:
    need = item.resources.gpu_milli
    whole_on = [host.outline()[3] for host in hosts]
    most = min(need // WHOLE - 1, max(whole_on, default=0) // WHOLE)
    yield from range(most * WHOLE, max(0, most - MOST_TRIES) * WHOLE, -WHOLE)
    below = min(need, WHOLE)
    free = [host.free.gpus[i] for host in hosts for i in host.devices_for(item.gpu_models)]
    share = max((milli for milli in free if milli < below), default=0)
    if share >= SHARE_STEP:
        yield share - share % SHARE_STEP


def less(made: Pass, item: Waiting, nearest: Host) -> Advice | None:
    """No more CPU, memory and disk than are free where most is missing least."""
    need, room = item.resources, nearest.free
    amounts = {
        "cpu_milli": (need.cpu_milli, room.cpu),
        "ram_mib": (need.ram_mib, room.ram),
        "disk_mib": (need.disk_mib, room.disk),
    }
    cut = {unit: there for unit, (wanted, there) in amounts.items() if there < wanted}
    if not cut or min(cut.values()) <= 0:
        return None
    smaller = replace(item, resources=replace(need, **cut))
    words = " and ".join(counted(unit, there) for unit, there in cut.items())
    return Advice(f"with {words}", smaller) if _fits(made, smaller) else None


def elsewhere(made: Pass, item: Waiting) -> Advice | None:
    """On another GPU model, or without one of its labels."""
    other = replace(item, gpu_models=frozenset())
    if item.gpu_models:
        claims = made.place(Class(Shape.of(other), item.limit_ms))
        if claims is not None:
            devices = made.board.host_of[claims[0].node_id].node.devices
            model = devices[claims[0].shares[0][0]].model
            return Advice(f"on {model or 'a GPU without a model'}", other)
    for label in sorted(item.labels):
        without = replace(item, labels=item.labels - {label})
        if _fits(made, without):
            return Advice(f"without the label {label}", without)
    return None


def higher_priority(made: Pass, item: Waiting) -> Advice | None:
    """The lowest priority at which it would be first and preempt others."""
    board, policy = made.board, made.policy
    if policy.order is not Order.PRIORITY or policy.fair_share is not None or not policy.preemption.enabled:
        return None
    heads = [board.waiting[p.id] for p in made.promises.made]
    passed = max((effective_priority(head, policy, made.now) for head in heads), default=0.0)
    raised = [
        replace(item, priority=priority)
        for priority in sorted({p + max(1, policy.preemption.gap) for p in board.by_priority} | {int(passed) + 1})
        if item.priority < priority <= HIGHEST_PRIORITY
    ]
    raised = [one for one in raised if effective_priority(one, policy, made.now) > passed]
    found: Advice | None = None
    low, high = 0, len(raised)
    while low < high:  # whoever evicts at one priority does so at every higher one
        middle = (low + high) // 2
        preempt = choose_victims(board, policy, made.now, raised[middle])
        if preempt is None:
            low = middle + 1
            continue
        high = middle
        victims = counted("deployments", len(preempt.victims))
        found = Advice(f"at priority {raised[middle].priority} it would preempt {victims}", raised[middle])
    return found


def patience(made: Pass, item: Waiting) -> tuple[str, int | None]:
    """Why its priority, which would be enough, evicts nobody yet, and when it will, if that is known."""
    board, rules = made.board, made.policy.preemption
    if not rules.enabled or min(board.by_priority, default=item.priority) > highest_below(item.priority, made.policy):
        return "", None
    at_once = replace(made.policy, preemption=replace(rules, min_run_ms=0))
    found = choose_victims(board, at_once, made.now, replace(item, preempted_at=None))
    if found is None:
        return "", None
    if not may_preempt(board, item, made.policy):
        return "it was preempted itself and preempts nobody before something else has ended", None
    ripe_at = max(board.holdings[victim].started_at for victim in found.victims) + rules.min_run_ms * 1000
    if ripe_at <= made.now:
        return "", None
    wait = format_duration(-(-(ripe_at - made.now) // 60_000_000) * 60_000)
    victims = counted("deployments", len(found.victims))
    return f"in {wait} it may preempt {victims}: who has just started is left alone for a while", ripe_at


def shorter_limit(made: Pass, item: Waiting, promised_at: int) -> Advice | None:
    """The longest time limit with which it would be over before the first promised start."""
    limit_ms = (promised_at - made.now) // 1000
    limit_ms -= limit_ms % SHORTEST_MS
    if limit_ms < SHORTEST_MS or (item.limit_ms is not None and item.limit_ms <= limit_ms):
        return None
    shorter = replace(item, limit_ms=limit_ms)
    if not _fits(made, shorter):
        return None
    kind = "" if item.limit_ms is not None else "as a job "
    return Advice(f"{kind}with a time limit of {format_duration(limit_ms)}", shorter)


def _fits(made: Pass, item: Waiting) -> bool:
    return made.place(Class(Shape.of(item), item.limit_ms)) is not None


def counted(unit: str, value: int) -> str:
    """An amount with its unit, as people say it."""
    if unit in ("gpu_milli", "cpu_milli"):
        shown, name = (format_gpu(value), "GPU") if unit == "gpu_milli" else (format_cpu(value), "CPU")
        return f"{shown} {name}" if 0 < value <= WHOLE else f"{shown} {name}s"
    if unit in ("ram_mib", "disk_mib"):
        return format_memory(value) + (" disk" if unit == "disk_mib" else "")
    return f"{value} {unit.removesuffix('s') if value == 1 else unit}".rstrip()
