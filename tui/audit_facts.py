"""What one line of the audit says, spelled out: who, when, what, and each value before and after. Pure."""

from __future__ import annotations

import json

from textual.content import Content

from core.views.operations import AuditLine
from tui.format import instant
from tui.theme import Tone
from tui.widgets.hanging import Line
from tui.widgets.plain import joined, text

_HEAD = 8


def audit_lines(line: AuditLine) -> list[Line]:
    whose = [text(f" in {line.org}", Tone.DIM)] if line.org else []
    return [
        text(line.verb, Tone.LOUD),
        _fact("number", text(str(line.seq))),
        _fact("when", text(instant(line.at))),
        _fact("actor", joined(text(line.actor), *whose)),
        _fact("by way", text(line.face)),
        _fact("target", text(f"{line.target}  {line.name}" if line.name else line.target)),
        text(""),
        *_changes(_read(line.before), _read(line.after)),
    ]


def change_of(line: AuditLine) -> str:
    """The same in a few words: what it is now, or was until then."""
    before, after = _read(line.before), _read(line.after)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    told = [
        f"{name} {_said(before[name])} → {_said(after[name])}"
        if name in before and name in after
        else f"{name} {_said(after.get(name, before.get(name)))}"
        for name in names
    ]
    return ", ".join(told)


def _changes(before: dict[str, object], after: dict[str, object]) -> list[Line]:
    """Each value that there was or is: what came, what went, what became another."""
    lines: list[Line] = []
    for name in {**before, **after}:
        head = text(f"{name:<{_HEAD}} ", Tone.DIM)
        if name not in before:
            lines.append((head, text(_said(after[name]))))
        elif name not in after:
            lines.append((head, joined(text("was ", Tone.DIM), text(_said(before[name])))))
        elif before[name] == after[name]:
            lines.append((head, text(f"{_said(after[name])}  as before", Tone.DIM)))
        else:
            lines.append(
                (head, joined(text(_said(before[name]), Tone.DIM), text(" → ", Tone.DIM), text(_said(after[name]))))
            )
    return lines or [text("nothing is kept of before and after", Tone.DIM)]


def _fact(word: str, value: Content) -> Line:
    return text(f"{word:<{_HEAD}} ", Tone.DIM), value


def _read(kept: str | None) -> dict[str, object]:
    read = json.loads(kept) if kept else {}
    return read if isinstance(read, dict) else {"": read}


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
