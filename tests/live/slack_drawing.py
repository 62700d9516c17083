"""Messages, forms and home tabs as SVG: of Block Kit as much as the bot uses. What it does not know, it refuses.

A drawing and no screenshot: places and letters are Slack's own business; words, order and buttons are the bot's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]
WIDTH, _PAD = 640, 20
_SIZE, _LINE = 14, 20
_INK, _QUIET, _EDGE, _GREEN, _RED, _CODE = "#1d1c1d", "#616061", "#d0d0d0", "#007a5a", "#e01e5a", "#c01343"
_FONT = "Lato, 'Helvetica Neue', Arial, sans-serif"
_MONO = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_CHANNEL = re.compile(r"<#(C[A-Z0-9]+)>")
_SPANS = re.compile(r"```(?P<fence>.*?)```|`(?P<code>[^`]+)`|\*(?P<bold>[^*\n]+)\*", re.DOTALL)


@dataclass
class Sheet:
    """A column that grows downwards; everything is drawn at `y`."""

    channels: dict[str, str] = field(default_factory=dict)
    y: float = _PAD
    drawn: list[str] = field(default_factory=list)

    # What is drawn

    def title(self, text: str) -> None:
        self._words(text, _PAD, size=16, weight="bold")
        self.y += 8
        self.rule()

    def caption(self, text: str) -> None:
        for line in _wrapped([(text, "")], WIDTH - 2 * _PAD, 11):
            self._line(line, _PAD, size=11, colour=_QUIET)

    def message(self, said_by: str, to: str, blocks: Iterable[Block], *, thread: bool = False) -> None:
        left = _PAD + (36 if thread else 0)
        top = self.y
        self._rect(left, top, 28, 28, fill="#3b6fd4", radius=6)
        self._words_at(left + 14, top + 19, said_by[0].upper(), colour="#ffffff", weight="bold", anchor="middle")
        head = [(said_by, "bold"), (f"  {to}" if to else "", "quiet")]
        self._line(head, left + 40)
        for block in blocks:
            self.block(block, left + 40)
        self.y = max(self.y, top + 34) + 10

    def block(self, block: Block, left: float = _PAD) -> None:
        known = _DRAWN.get(block["type"])
        if known is None:
            raise ValueError(f"no drawing of a block {block['type']}")
        known(self, block, left)

    def rule(self) -> None:
        self.drawn.append(f'<path d="M{_PAD} {self.y:.0f}H{WIDTH - _PAD}" stroke="{_EDGE}"/>')
        self.y += 12

    def header(self, block: Block, left: float) -> None:
        self.y += 4
        self._words(block["text"]["text"], left, size=17, weight="bold")
        self.y += 4

    def section(self, block: Block, left: float) -> None:
        accessory = block.get("accessory")
        width = WIDTH - _PAD - left - (110 if accessory else 0)
        top = self.y
        if "text" in block:
            self._paragraph(block["text"], left, width)
        if "fields" in block:
            self._fields(block["fields"], left)
        if accessory:
            self._button(accessory, WIDTH - _PAD - 96, top)
            self.y = max(self.y, top + 34)
        self.y += 4

    def _fields(self, shown: list[Block], left: float) -> None:
        half = (WIDTH - _PAD - left) / 2
        for start in range(0, len(shown), 2):
            top, below = self.y, self.y
            for place, one in enumerate(shown[start : start + 2]):
                self.y = top
                self._paragraph(one, left + place * half, half - 12)
                below = max(below, self.y)
            self.y = below + 4

    def context(self, block: Block, left: float) -> None:
        for one in block["elements"]:
            self._paragraph(one, left, WIDTH - _PAD - left, size=12, colour=_QUIET)
        self.y += 4

    def actions(self, block: Block, left: float) -> None:
        x, top = left, self.y
        for one in block["elements"]:
            width = _width(one["text"]["text"], 13) + 28
            if x > left and x + width > WIDTH - _PAD:
                x, top = left, top + 38
            self._button(one, x, top)
            x += width + 8
        self.y = top + 40

    def input(self, block: Block, left: float) -> None:
        label, element = block["label"]["text"], block["element"]
        rest = " (optional)" if block.get("optional") else ""
        self._line([(label, "bold"), (rest, "quiet")], left)
        chosen = element.get("initial_option")
        value = chosen["text"]["text"] if chosen else element.get("initial_value", "")
        self._rect(left, self.y, WIDTH - _PAD - left, 30, edge=_EDGE)
        self._words_at(left + 10, self.y + 20, value + ("  ▾" if chosen else ""))
        self.y += 36
        if "hint" in block:
            self._words(block["hint"]["text"], left, size=12, colour=_QUIET)
        self.y += 6

    def divider(self, _block: Block, left: float) -> None:
        self.y += 4
        self.drawn.append(f'<path d="M{left} {self.y:.0f}H{WIDTH - _PAD}" stroke="{_EDGE}"/>')
        self.y += 10

    # How

    def _paragraph(self, text: Block, left: float, width: float, *, size: int = _SIZE, colour: str = _INK) -> None:
        spans = self._spans(text["text"]) if text["type"] == "mrkdwn" else [(text["text"], "")]
        for line in _wrapped(spans, width, size):
            self._line(line, left, size=size, colour=colour)

    def _spans(self, text: str) -> list[tuple[str, str]]:
        plain = _DATE.sub(r"\1", text)
        plain = _CHANNEL.sub(lambda found: f"#{self.channels.get(found[1], found[1])}", plain)
        spans, begin = [], 0
        for found in _SPANS.finditer(plain):
            spans.append((plain[begin : found.start()], ""))
            kind = str(found.lastgroup)
            spans.append((found[kind], "code" if kind == "fence" else kind))
            begin = found.end()
        return [(html.unescape(words), kind) for words, kind in [*spans, (plain[begin:], "")] if words]

    def _line(self, spans: list[tuple[str, str]], left: float, *, size: int = _SIZE, colour: str = _INK) -> None:
        base = self.y + size
        parts = [f"<tspan{_STYLES[kind]}>{html.escape(words, quote=False)}</tspan>" for words, kind in spans if words]
        opened = f'<text x="{left:.0f}" y="{base:.0f}" font-size="{size}" fill="{colour}" xml:space="preserve">'
        self.drawn.append(f"{opened}{''.join(parts)}</text>")
        self.y += _LINE * size / _SIZE

    def _words(self, text: str, left: float, *, size: int = _SIZE, weight: str = "", colour: str = _INK) -> None:
        self._line([(text, "bold" if weight else "")], left, size=size, colour=colour)

    def _words_at(
        self, x: float, y: float, text: str, *, colour: str = _INK, weight: str = "", anchor: str = "start"
    ) -> None:
        bold = ' font-weight="bold"' if weight else ""
        place = f'x="{x:.0f}" y="{y:.0f}" font-size="13" fill="{colour}" text-anchor="{anchor}"'
        self.drawn.append(f"<text {place}{bold}>{html.escape(text, quote=False)}</text>")

    def _button(self, element: Block, x: float, y: float) -> None:
        words = element["text"]["text"]
        fill = {"primary": _GREEN, "danger": _RED}.get(element.get("style", ""), "")
        width = _width(words, 13) + 28
        self._rect(x, y + 2, width, 30, fill=fill or "#ffffff", edge=fill or _EDGE, radius=5)
        ink = "#ffffff" if fill else _INK
        self._words_at(x + width / 2, y + 22, words, colour=ink, weight="bold", anchor="middle")

    def _rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        edge: str = "none",
        radius: int = 4,
    ) -> None:
        size = f'width="{width:.0f}" height="{height:.0f}" rx="{radius}"'
        self.drawn.append(f'<rect x="{x:.0f}" y="{y:.0f}" {size} fill="{fill}" stroke="{edge}"/>')

    def svg(self, described: str) -> str:
        height = self.y + _PAD
        opened = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}"'
            f' role="img" font-family="{_FONT}">'
        )
        paper = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff" stroke="{_EDGE}" rx="8"/>'
        title = f"<title>{html.escape(described, quote=False)}</title>"
        return "\n".join([opened, title, paper, *self.drawn, "</svg>", ""])


_STYLES = {
    "": "",
    "bold": ' font-weight="bold"',
    "quiet": f' fill="{_QUIET}" font-size="12"',
    "code": f' font-family="{_MONO}" font-size="12" fill="{_CODE}"',
}
_DRAWN: dict[str, Callable[[Sheet, Block, float], None]] = {
    "header": Sheet.header,
    "section": Sheet.section,
    "context": Sheet.context,
    "actions": Sheet.actions,
    "input": Sheet.input,
    "divider": Sheet.divider,
}
_NARROW, _BROAD = frozenset("iljtfr.,:;'|!()[] ·"), frozenset("mwMW@%")


def _width(text: str, size: float) -> float:
    """About as wide as most fonts draw it; a little more rather than less."""
    return 1.06 * size * sum(0.33 if c in _NARROW else 0.9 if c in _BROAD or ord(c) > 0x2000 else 0.58 for c in text)


def _wrapped(spans: list[tuple[str, str]], width: float, size: float) -> list[list[tuple[str, str]]]:
    """Lines that fit, broken at spaces and where the text itself breaks."""
    lines: list[list[tuple[str, str]]] = [[]]
    taken = 0.0
    for text, kind in spans:
        for word in re.findall(r"\n|[^\s]+|[^\S\n]+", text):
            if word == "\n":
                lines.append([])
                taken = 0.0
                continue
            need = _width(word, size)
            if taken and taken + need > width and not word.isspace():
                lines.append([])
                taken = 0.0
            if taken or not word.isspace():
                lines[-1].append((word, kind))
                taken += need
    return lines
