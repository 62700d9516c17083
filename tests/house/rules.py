"""The tidy rules: each reads modules and answers with what it found wrong, one line each. test_tidy.py runs them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from tests.house.tree import PROGRAM, Module, calls, dotted

PURE_FLOORS = ("core.domain", "core.ledger", "core.scheduler", "core.views")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

_SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "shared"}
# Of the standard library, what reaches a clock, chance, the disk, the network or another process. (pathlib is not
# here: the engines' port carries a home as a path, which is only a name.)
_NOT_PURE = {
    "asyncio",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
_NEVER_CALLED = {
    "eval": "text is never run as code",
    "exec": "text is never run as code",
    "os.system": "a command is a list of words and never meets a shell",
    "os.popen": "a command is a list of words and never meets a shell",
    "pickle.loads": "what is read from outside is parsed, never unpickled",
    "pickle.load": "what is read from outside is parsed, never unpickled",
    "marshal.loads": "what is read from outside is parsed, never unmarshalled",
    "breakpoint": "left over from a search",
}
# Lifting one of these lifts a law of the house, so the line says why.
_LAWS_OF_RUFF = ("TID251", "BLE001", "C901", "PLR0915")

_SETTINGS = "core/settings/declared.py"
_LOADED_FIRST = {"core.settings", *(f"core.drivers.{one}" for one in ("docker", "process", "scripted"))} | {
    f"bot.listeners.{one}" for one in ("actions", "commands", "events", "views")
}


def one_commit(modules: Sequence[Module]) -> Iterator[str]:
    """A unit of work commits; nobody else does, so the call stands once, in the store."""
    found = [(m, call) for m in modules for call, name in calls(m) if name.endswith(".commit")]
    inside = [(m, call) for m, call in found if m.room == "core.store"]
    for module, call in found:
        if module.room != "core.store":
            yield module.at(call, "commits outside the store")
    for module, call in inside[1:]:
        yield module.at(call, "a second place that commits")


def telling_names(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for part in module.path.with_suffix("").parts:
            if part.lower() in _SAYS_NOTHING or part.lower().endswith(("_utils", "_helpers", "_manager")):
                yield f"{module.path}:1: {part!r} does not say what is inside"


def small_files(modules: Sequence[Module], known: Mapping[str, int] | None = None) -> Iterator[str]:
    lengths = {str(m.path): (m.source.count("\n"), f"{m.path}:1") for m in modules if not _is_migration(m)}
    yield from _ratchet(lengths, LONGEST_FILE, known or {})


def small_functions(modules: Sequence[Module], known: Mapping[str, int] | None = None) -> Iterator[str]:
    lengths = {
        f"{m.path}::{node.name}": ((node.end_lineno or node.lineno) - node.lineno + 1, f"{m.path}:{node.lineno}")
        for m in modules
        if not _is_migration(m)
        for node in m.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    yield from _ratchet(lengths, LONGEST_FUNCTION, known or {})


def _is_migration(module: Module) -> bool:
    """A migration is one list of what the tables became on one day; to cut it in pieces would make it no clearer."""
    return "versions" in module.path.parts


def _ratchet(lengths: Mapping[str, tuple[int, str]], most: int, known: Mapping[str, int]) -> Iterator[str]:
    """What is too long, except what is known to be; a known one may only shrink, and its number with it."""
    for name, (length, place) in lengths.items():
        allowed = known.get(name, most)
        if length > allowed:
            yield f"{place}: {name} has {length} lines, at most {allowed}"
        elif name in known and length < allowed:
            advice = "lower its number" if length > most else "strike it out"
            yield f"{place}: {name} shrank to {length} lines: {advice}"
    yield from (f"{name}: is no more: strike it out" for name in known if name not in lengths)


def state_moves_in_the_store(modules: Sequence[Module]) -> Iterator[str]:
    """A state is written by the one `move()` of the store and nowhere else."""
    for module in modules:
        if module.room == "core.store":
            continue
        for node in module.nodes:
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == "state":
                    yield module.at(node, "writes a state; ask the store to move it")


def told_purpose(modules: Sequence[Module]) -> Iterator[str]:
    """Every module says in its first lines what it is for."""
    for module in modules:
        if not (ast.get_docstring(module.tree) or "").strip():
            yield f"{module.path}:1: has no docstring that says what it is for"


def forbidden_calls(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for call, name in calls(module):
            if name in _NEVER_CALLED:
                yield module.at(call, f"{name}(): {_NEVER_CALLED[name]}")
            if any(k.arg == "shell" and not _is_false(k.value) for k in call.keywords):
                yield module.at(call, f"{name}(shell=...): a command is a list of words and never meets a shell")


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def nobody_sleeps(modules: Sequence[Module]) -> Iterator[str]:
    """A test moves a ManualClock or waits for something with a deadline; it does not hope that a while is enough."""
    for module in modules:
        for call, name in calls(module):
            if name in {"time.sleep", "asyncio.sleep"} and not (call.args and _is_zero(call.args[0])):
                yield module.at(call, f"{name}() in a test")


def _is_zero(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value == 0


def pure_imports(modules: Sequence[Module]) -> Iterator[str]:
    """A pure floor lives on the standard library's arithmetic alone; the domain has pydantic for its request models."""
    for module in modules:
        if module.room not in PURE_FLOORS:
            continue
        for node in module.nodes:
            for name in _imported(node):
                top = name.split(".")[0]
                if top in _NOT_PURE:
                    yield module.at(node, f"imports {name}: a pure floor reaches no clock, chance, disk or network")
                elif top not in sys.stdlib_module_names and top not in _allowed_in(module.room):
                    yield module.at(node, f"imports {name}: {module.room} stands on the standard library")


def _allowed_in(room: str) -> tuple[str, ...]:
    return ("core", "pydantic", "pydantic_core") if room == "core.domain" else ("core",)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


def laws_lifted_with_a_reason(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for number, line in enumerate(module.source.splitlines(), start=1):
            found = re.search(r"#\s*noqa(?P<codes>:[\s\w,]+)?(?P<reason>.*)", line)
            if found is None:
                continue
            codes = found["codes"]
            if codes is None:
                yield f"{module.path}:{number}: silences every rule; name the one"
            elif any(law in codes for law in _LAWS_OF_RUFF) and not re.search(r"\w", found["reason"]):
                yield f"{module.path}:{number}: lifts {codes.strip(': ')} and does not say why"


def settings_that_are_read(modules: Sequence[Module]) -> Iterator[str]:
    """A setting that nothing looks at promises what is not so."""
    read = {node.attr for module in modules for node in module.nodes if isinstance(node, ast.Attribute)}
    declared = next((module for module in modules if str(module.path) == _SETTINGS), None)
    for section in declared.tree.body if declared else ():
        if isinstance(section, ast.ClassDef) and any(dotted(base) == "_Section" for base in section.bases):
            for field in section.body:
                if isinstance(field, ast.AnnAssign) and dotted(field.target) not in read:
                    yield declared.at(field, f"nothing reads {section.name}.{dotted(field.target)}")


def fronts_without_rooms(modules: Sequence[Module]) -> Iterator[str]:
    """Where a package imports its own modules, two threads that import one of it and the package wait for each other,
    and one of them is given half a module. Those of `_LOADED_FIRST` are there before any thread begins, or are only
    ever imported by their own name."""
    for module in modules:
        package = ".".join(module.path.parent.parts)
        if module.path.name == "__init__.py" and package not in _LOADED_FIRST:
            for node in module.nodes:
                if any(name.startswith(f"{package}.") for name in _imported(node)):
                    yield module.at(node, "imports a module of its own")


def absolute_imports(modules: Sequence[Module]) -> Iterator[str]:
    """One way to name a room; and the program never imports its tests."""
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                yield module.at(node, "a relative import")
            elif module.path.parts[0] in PROGRAM and any(name.split(".")[0] == "tests" for name in _imported(node)):
                yield module.at(node, "the program imports its tests")
