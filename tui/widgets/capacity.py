"""How full clusters are: bars for what they have, and a map of every GPU with who holds it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from core.domain.columns import columns, cut
from core.domain.resources import Resources, format_cpu, format_gpu, format_memory
from core.domain.text import safe_text
from core.views.browsing import DeviceLine, Holder
from core.views.foresight import QueueLine
from core.views.work import ClusterCard
from tui.amounts import bar
from tui.theme import LOOKS, Tone, node_look
from tui.widgets.plain import joined, text

OTHER_ORG = "other org"
_OTHERS = "other"  # the same on a device, where there is less room
_NEARLY_FULL = 90
_WORD, _NUMBERS = 5, 14
_WIDEST_BOX, _NARROWEST_BOX = 16, 9
_EVEN = (8, 4, 2)  # devices in a row, as many as fit: rows of machines with eight stand alike


def name_of(line: QueueLine) -> str:
    """What waits, behind its organization where that is another one."""
    if line.name is None:
        return OTHER_ORG
    return f"{line.org}/{line.name}" if line.org else line.name


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


def device_map(devices: Sequence[DeviceLine], width: int) -> list[Content]:
    """A box for each device, node by node: its index, its state's sign, and who holds it."""
    lines: list[Content] = []
    labels = {(d.cluster, d.node, d.index): _label(d) for d in devices}
    across, box = _across(width - 1)
    for cluster, node in dict.fromkeys((device.cluster, device.node) for device in devices):
        here = [device for device in devices if (device.cluster, device.node) == (cluster, node)]
        look = node_look(here[0].node_state)
        model = f"  {here[0].model}" if here[0].model else ""
        state = text(f"  {look.word}", look.tone) if look.word != "up" else text("")
        lines.append(joined(text(cluster, Tone.LOUD), text(f"/{node}{model}", Tone.DIM), state))
        for start in range(0, len(here), across):
            row = [labels[d.cluster, d.node, d.index] for d in here[start : start + across]]
            lines.append(joined(" ", joined(*(_box(words, tone, box) for words, tone in row), between=" ")))
    return lines


def _across(width: int) -> tuple[int, int]:
    """How many in a row and how wide each: by the room alone, so that nothing moves when somebody comes or goes."""
    room = {even: (width + 1) // even - 1 for even in _EVEN}
    across = next((even for even in _EVEN if room[even] >= _NARROWEST_BOX), 1)
    return across, min(_WIDEST_BOX, room.get(across, width))


def _label(device: DeviceLine) -> tuple[str, Tone]:
    sign, words, tone = _holding(device)
    return safe_text(f"{device.index} {sign} {words}"), tone


def _box(words: str, tone: Tone, width: int) -> Content:
    shown = cut(words, width)
    return text(shown + " " * (width - columns(shown)), tone)


def _holding(device: DeviceLine) -> tuple[str, str, Tone]:
    if not device.holders:
        return "·", "free", Tone.DIM
    if len(device.holders) > 1:
        return "◆", f"{len(device.holders)} share it", Tone.BUSY
    holder = device.holders[0]
    sign, tone = _state_of(holder)
    part = f" {format_gpu(holder.milli)}" if device.free_milli else ""
    return sign, (holder.owner or _OTHERS) + part, tone


def _state_of(holder: Holder) -> tuple[str, Tone]:
    if holder.state is None:
        return "■", Tone.DIM
    look = LOOKS[holder.state]
    return look.sign, look.tone
