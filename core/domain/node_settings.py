"""Settings of a driver that are about one node: declared as `host.NODE`, given for the node `big` as `host.big`.

What stands without a node, `host`, is about the first one. Knows no driver: which settings there are is handed to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.domain.engines import Setting
from core.domain.errors import Invalid
from core.domain.text import visible

OF_A_NODE = ".NODE"
FIRST_NODE = "node-1"  # what the totals of a new cluster make


def declared(name: str, known: Mapping[str, Setting]) -> Setting | None:
    """The setting that a name means, or None: `host.big` is one of `host.NODE`."""
    if name in known:
        return None if name.endswith(OF_A_NODE) else known[name]
    base, dot, node = name.partition(".")
    return known.get(f"{base}{OF_A_NODE}") if dot and node else None


def for_node(settings: Iterable[Setting], given: Mapping[str, str], node: str) -> dict[str, str]:
    """What was given for a node, under the names by which the cluster keeps it."""
    of_nodes = [s.name.removesuffix(OF_A_NODE) for s in settings if s.name.endswith(OF_A_NODE)]
    wrong = [visible(name) for name in given if name not in of_nodes]
    if wrong:
        hint = f"of a node: {', '.join(of_nodes)}" if of_nodes else "this driver has no settings of nodes"
        raise Invalid("bad_setting", f"{', '.join(wrong)} cannot be set for a node", hint)
    if of_nodes and not given:
        example = f"such as --set {of_nodes[0]}=..."
        raise Invalid("node_without_settings", f"{node}: say where it is: {', '.join(of_nodes)}", example)
    return {f"{name}.{node}": value for name, value in given.items()}
