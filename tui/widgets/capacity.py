"""How full clusters are: bars for what they have."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from core.domain.resources import Resources, format_cpu, format_gpu, format_memory
from core.views.foresight import QueueLine
from core.views.work import ClusterCard
from tui.amounts import bar
from tui.theme import Tone, node_look
from tui.widgets.plain import joined, text

OTHER_ORG = "other org"
_NEARLY_FULL = 90
_WORD, _NUMBERS = 5, 14


def name_of(line: QueueLine) -> str:
    """What waits, with its organization where that is another one: behind it, since what does not fit is cut there."""
    if line.name is None:
        return OTHER_ORG
    return f"{line.name} · {line.org}" if line.org else line.name


def names_of_queue(queue: Iterable[tuple[str, QueueLine]]) -> dict[str, dict[str, str]]:
    """For completion: those of one's own organization, since verbs take no others by their id alone."""
    return {"deployment": {line.id: f"{line.name} of {line.owner}" for _, line in queue if line.id and not line.org}}


def cluster_bars(cluster: ClusterCard, width: int) -> list[Content]:
    """A line for the cluster and one for each thing that it has."""
    look = node_look(cluster.state)
    nodes = f"{len(cluster.nodes)} node{'s' if len(cluster.nodes) != 1 else ''}"
    unready = [node for node in cluster.nodes if node.state != "up"]
    away = text(f" · {len(unready)} not up", Tone.WAIT) if unready else text("")
    what = text(f"  {cluster.driver} · {nodes}", Tone.DIM)
    head = joined(text(f"{look.sign} ", look.tone), text(cluster.name, Tone.LOUD), what, away)
    return [head, *(_bar_line(*measure, width) for measure in _measures(cluster.used, cluster.total))]


def _measures(used: Resources, total: Resources) -> list[tuple[str, int, int, str]]:
    found = []
    if total.gpu_milli:
        shown = f"{format_gpu(used.gpu_milli)}/{format_gpu(total.gpu_milli)}"
        found.append(("GPU", used.gpu_milli, total.gpu_milli, shown))
    found.append(
        ("CPU", used.cpu_milli, total.cpu_milli, f"{format_cpu(used.cpu_milli)}/{format_cpu(total.cpu_milli)}")
    )
    found.append(("RAM", used.ram_mib, total.ram_mib, memory_of(used.ram_mib, total.ram_mib)))
    return found


def memory_of(used: int, total: int) -> str:
    """The unit once where both have it: `96/384 GiB`."""
    return f"{format_memory(used)}/{format_memory(total)}".replace(" GiB/", "/")


def _bar_line(word: str, used: int, total: int, shown: str, width: int) -> Content:
    room = max(8, width - _WORD - _NUMBERS - 3)
    share = used * 100 // total if total else 0
    tone = Tone.WAIT if share >= _NEARLY_FULL else Tone.GOOD
    full, empty = bar(used, total, room)
    return joined(text(f"  {word:<{_WORD}}", Tone.DIM), text(full, tone), text(empty, Tone.DIM), f" {shown}")
