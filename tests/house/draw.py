"""Writes the state diagram of core/README.md anew from the table: python -m tests.house.draw"""

from __future__ import annotations

import re

from core.domain import lifecycle
from tests.house.tree import ROOT

MARKS = re.compile(r"(?<=<!-- states -->\n```mermaid\n).*?(?=\n```\n<!-- /states -->)", re.DOTALL)


def drawn(guide: str) -> str:
    return MARKS.sub(lambda _: lifecycle.mermaid(), guide, count=1)


if __name__ == "__main__":
    path = ROOT / "core" / "README.md"
    path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")
