"""The checkout as the house tests see it: where it stands, which files belong to it, its Python files read once."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("core", "tui", "bot")  # what is shipped; tests and config stand beside it
_MADE_BY_TOOLS = {".git", ".venv", "__pycache__", "build", "dist", "node_modules"}


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the top of the checkout and its text."""

    path: PurePosixPath
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, filename=str(self.path))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @property
    def room(self) -> str:
        """`core.ledger` for a file of the ledger, `tui` for one of the console."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:2]) if parts[0] == "core" else parts[0]

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


def files(*tops: str) -> Iterator[Path]:
    """Every file below `tops` (or of the whole checkout) that a person wrote."""
    for start in [ROOT / top for top in tops] or [ROOT]:
        for folder, inside, names in os.walk(start):
            inside[:] = sorted(
                name
                for name in inside
                if name not in _MADE_BY_TOOLS
                and not name.endswith((".egg-info", "_cache"))
                and not (Path(folder) == ROOT and name.startswith(".") and name != ".ci")
            )
            yield from (Path(folder, name) for name in sorted(names) if name not in _MADE_BY_TOOLS)


@cache
def modules(*tops: str) -> tuple[Module, ...]:
    return tuple(
        Module(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text(encoding="utf-8"))
        for path in files(*tops)
        if path.suffix == ".py"
    )


def calls(module: Module) -> Iterable[tuple[ast.Call, str]]:
    """Each call of a module with the dotted name it calls, such as `os.system` or `.commit`."""
    for node in module.nodes:
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def dotted(expression: ast.expr) -> str:
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute):
        return f"{dotted(expression.value)}.{expression.attr}"
    return ""
