"""A map of every GPU with who holds it: a box for each, or, of more than fit, a sign for each. A click tells which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.message import Message

from core.domain.columns import columns, cut
from core.domain.resources import format_gpu
from core.domain.text import safe_text
from core.views.browsing import DeviceLine, Holder
from tui.format import by_number
from tui.theme import FREE, LOOKS, OTHERS, SHARED, Look, Tone, node_look
from tui.widgets.plain import Plain, joined, stacked, text

_OTHERS = "other"  # of another organization
_WIDEST_BOX, _NARROWEST_BOX = 16, 9
_EVEN = (8, 4, 2)  # devices in a row, as many as fit: rows of machines with eight stand alike
_LONGEST_NODE, _GAP = 16, 2
_MORE = "…"
Node = tuple[str, str]


class Spot(NamedTuple):
    """Where on the map a device stands."""

    line: int
    begins: int
    ends: int
    device: DeviceLine


class Drawn(NamedTuple):
    lines: list[Content]
    spots: list[Spot]

    def line_of(self, node: str) -> int | None:
        return next((spot.line for spot in self.spots if spot.device.node == node), None)

    def at(self, column: int, line: int) -> DeviceLine | None:
        return next((s.device for s in self.spots if s.line == line and s.begins <= column < s.ends), None)


class DeviceMap(Plain):
    DEFAULT_CSS = """
    DeviceMap { height: auto; }
    """

    @dataclass
    class Picked(Message):
        device: DeviceLine

    def __init__(self) -> None:
        super().__init__()
        self.drawn = Drawn([], [])

    def draw(self, devices: Sequence[DeviceLine], width: int, height: int, nothing: str = "") -> None:
        self.drawn = device_map(devices, width, height)
        self.say(stacked(self.drawn.lines) if devices else text(nothing, Tone.DIM))

    def on_click(self, event: events.Click) -> None:
        device = self.drawn.at(event.x, event.y)
        if device is not None:
            self.post_message(self.Picked(device))


def device_map(devices: Sequence[DeviceLine], width: int, height: int) -> Drawn:
    """As boxes where there is room for them; else more nodes to a line, with a sign for each device."""
    clusters = list(dict.fromkeys(device.cluster for device in devices))
    nodes: dict[Node, list[DeviceLine]] = {}
    for device in sorted(devices, key=lambda one: (clusters.index(one.cluster), by_number(one.node))):
        nodes.setdefault((device.cluster, device.node), []).append(device)
    in_boxes = _in_boxes(nodes, width)
    return in_boxes if len(in_boxes.lines) <= height else _in_signs(nodes, width)


def _in_boxes(nodes: dict[Node, list[DeviceLine]], width: int) -> Drawn:
    """Node by node: of each device its index, its state's sign, and who holds it."""
    lines: list[Content] = []
    spots: list[Spot] = []
    across, box = _across(width - 1)
    for (cluster, node), here in nodes.items():
        look = _look_of(here)
        model = f"  {here[0].model}" if here[0].model else ""
        state = text(f"  {look.word}", look.tone) if look.word != "up" else text("")
        lines.append(joined(text(cluster, Tone.LOUD), text(f"/{node}{model}", Tone.DIM), state))
        for start in range(0, len(here), across):
            row = here[start : start + across]
            spots += [
                Spot(len(lines), 1 + place * (box + 1), 1 + place * (box + 1) + box, device)
                for place, device in enumerate(row)
            ]
            lines.append(joined(" ", joined(*(_box(device, box) for device in row), between=" ")))
    return Drawn(lines, spots)


def _in_signs(nodes: dict[Node, list[DeviceLine]], width: int) -> Drawn:
    """Cluster by cluster, as many nodes in a line as fit."""
    lines: list[Content] = []
    spots: list[Spot] = []
    name = min(_LONGEST_NODE, max(columns(safe_text(node)) for _, node in nodes))
    most = min(max(map(len, nodes.values())), max(1, width - name - 1))
    step = name + 1 + most + _GAP
    across = max(1, (width + _GAP) // step)
    for cluster in dict.fromkeys(cluster for cluster, _ in nodes):
        here = [(node, devices) for (of, node), devices in nodes.items() if of == cluster]
        lines.append(joined(text(cluster, Tone.LOUD), text(f"  {len(here)} nodes", Tone.DIM)))
        for start in range(0, len(here), across):
            cells = []
            for place, (node, devices) in enumerate(here[start : start + across]):
                begins = place * step + name + 1
                spots += [Spot(len(lines), begins + i, begins + i + 1, one) for i, one in enumerate(devices[:most])]
                cells.append(joined(_name(node, _look_of(devices), name), " ", *_signs(devices, most)))
            lines.append(joined(*cells, between=" " * _GAP))
    return Drawn(lines, spots)


def _look_of(devices: Sequence[DeviceLine]) -> Look:
    return node_look(devices[0].node_state, is_held=any(device.holders for device in devices))


def _name(node: str, look: Look, width: int) -> Content:
    """In the colour of its state; what does not take work has its sign before it, too."""
    shown = cut(safe_text(node if look.word == "up" else f"{look.sign}{node}"), width)
    return text(shown + " " * (width - columns(shown)), Tone.DIM if look.word == "up" else look.tone)


def _signs(devices: Sequence[DeviceLine], most: int) -> Iterator[Content]:
    """As wide for each node; the last sign says where there are more than fit."""
    shown = devices if len(devices) <= most else devices[: most - 1]
    for device in shown:
        sign, _, tone = _holding(device)
        yield text(sign, tone)
    rest = most - len(shown)
    if rest:
        yield text((_MORE if len(devices) > most else "").ljust(rest), Tone.DIM)


def _across(width: int) -> tuple[int, int]:
    """How many in a row and how wide each: by the room alone, so that nothing moves when somebody comes or goes."""
    room = {even: (width + 1) // even - 1 for even in _EVEN}
    across = next((even for even in _EVEN if room[even] >= _NARROWEST_BOX), 1)
    return across, min(_WIDEST_BOX, room.get(across, width))


def _box(device: DeviceLine, width: int) -> Content:
    sign, words, tone = _holding(device)
    shown = cut(safe_text(f"{device.index} {sign} {words}"), width)
    return text(shown + " " * (width - columns(shown)), tone)


def _holding(device: DeviceLine) -> tuple[str, str, Tone]:
    if not device.holders:
        return FREE.sign, FREE.word, FREE.tone
    if len(device.holders) > 1:
        return SHARED.sign, f"{len(device.holders)} share it", SHARED.tone
    holder = device.holders[0]
    sign, tone = _state_of(holder)
    part = f" {format_gpu(holder.milli)}" if device.free_milli else ""
    return sign, (holder.owner or _OTHERS) + part, tone


def _state_of(holder: Holder) -> tuple[str, Tone]:
    if holder.state is None:
        return OTHERS.sign, OTHERS.tone
    look = LOOKS[holder.state]
    return look.sign, look.tone
