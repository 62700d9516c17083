"""Clusters and their nodes: what they have, who uses it, and which nodes take work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import VerticalScroll
from textual.widget import Widget

from core.domain.resources import format_cpu, format_gpu
from core.views.work import ClusterCard, NodeCard
from tui import actions, questions
from tui.actions import Action, Command, held_on, undo_of_cluster, undo_of_node
from tui.amounts import NOTHING
from tui.completion import Names
from tui.format import by_number
from tui.messages import ClustersSeen, DevicesSeen
from tui.screens.frame import Frame
from tui.theme import Tone, node_look
from tui.widgets.capacity import memory_of
from tui.widgets.columns import Cell, Column
from tui.widgets.devices import DeviceMap
from tui.widgets.panel import Panel
from tui.widgets.table import LineTable

_OF_NODES = ("cordon", "drain", "resume")
_STATE_FOR = {"pause": "up", "unpause": "paused"}  # of a cluster, for what is done to it


class ClustersScreen(Frame):
    PLACE = "clusters"
    CSS_PATH = "clusters.tcss"
    ACTIONS = (
        actions.DRAIN,
        actions.RESUME,
        actions.CORDON,
        actions.PAUSE,
        actions.UNPAUSE,
        actions.NEW_CLUSTER,
        actions.ADD_NODE,
        actions.SHARE,
        actions.DELETE_CLUSTER,
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, tuple[ClusterCard, NodeCard | None]] = {}
        self._followed: str | None = None

    def body(self) -> Iterator[Widget]:
        with Panel("clusters and nodes", classes="list"):
            yield LineTable(
                [
                    Column("name", 16, grow=True),
                    Column("state", 10),
                    Column("driver / model", 14, drop=3),
                    Column("gpu", 9, right=True),
                    Column("cpu", 11, right=True),
                    Column("ram", 16, right=True, drop=1),
                    Column("labels", 16, drop=4),
                ],
                nothing="no clusters yet: n makes one",
            )
        with Panel("GPUs", classes="devices"), VerticalScroll(can_focus=False):
            yield DeviceMap()

    def look(self) -> None:
        self.ask(questions.clusters, "clusters")

    @on(ClustersSeen)
    def _clusters_seen(self, seen: ClustersSeen) -> None:
        self._rows = {}
        shown: list[tuple[str, Sequence[Cell]]] = []
        for cluster in seen.clusters:
            self._rows[cluster.id] = (cluster, None)
            shown.append((cluster.id, _cluster_cells(cluster)))
            for node in sorted(cluster.nodes, key=lambda one: by_number(one.name)):
                self._rows[f"{cluster.id} {node.name}"] = (cluster, node)
                shown.append((f"{cluster.id} {node.name}", _node_cells(node)))
        self.query_one(LineTable).show_rows(shown)
        self.refresh_bindings()
        self._ask_devices()

    @on(LineTable.Moved)
    def _ask_devices(self) -> None:
        row = self._chosen
        if row is not None:
            self.ask(questions.devices(row[0].id), "devices")

    @on(DevicesSeen)
    def _devices_seen(self, seen: DevicesSeen) -> None:
        if self._chosen is None or self._chosen[0].id != seen.cluster:
            return  # the cursor has moved on
        around, plan = self.query_one(".devices VerticalScroll"), self.query_one(DeviceMap)
        room = around.scrollable_content_region
        plan.draw(seen.devices, room.width, around.size.height, "no GPUs in this cluster")
        self._follow(around, plan)

    def _follow(self, around: Widget, plan: DeviceMap) -> None:
        """The map shows the node that the cursor has come to; who turns the wheel afterwards is left alone."""
        row, key = self._chosen, self.query_one(LineTable).key
        if row is None or key == self._followed:
            return
        self._followed = key
        line = plan.drawn.line_of(row[1].name) if row[1] is not None else None
        self.call_after_refresh(around.scroll_to, y=max(0, (line or 0) - 1), animate=False)

    @on(LineTable.Chosen)
    def _opened(self) -> None:
        """What runs there, now."""
        row = self._chosen
        if row is not None:
            cluster, node = row
            self.console.show_deployments(held_on(cluster.name, node.name) if node else f"cluster=={cluster.name}")

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        row = self._chosen
        if row is None:
            return []
        cluster, node = row
        if action.name not in _OF_NODES:
            return [(cluster.id, cluster.name)] if _STATE_FOR.get(action.name, cluster.state) == cluster.state else []
        return [(node.name, node.name)] if node is not None and _can(action, node) else []

    def fixed(self, action: Action) -> dict[str, Sequence[str]]:
        row = self._chosen
        return {"cluster": (row[0].id,)} if row is not None and action.name in _OF_NODES else {}

    def undo(self, action: Action, subject: str) -> Command | None:
        row = self._chosen
        if row is None:
            return None
        cluster, node = row
        if action.name in _STATE_FOR:
            return undo_of_cluster(cluster.id, cluster.state)
        if node is None or action.name not in _OF_NODES:
            return None
        return undo_of_node(cluster.id, subject, node.state)

    def names(self) -> Names:
        return {
            "cluster": {cluster.name: cluster.driver for cluster, _ in self._rows.values()},
            "node": {node.name: f"of {cluster.name}" for cluster, node in self._rows.values() if node is not None},
        }

    @property
    def _chosen(self) -> tuple[ClusterCard, NodeCard | None] | None:
        return self._rows.get(self.query_one(LineTable).key or "")


def _can(action: Action, node: NodeCard) -> bool:
    return (node.state != "up") if action.name == "resume" else not node.state.startswith(action.name)


def _cluster_cells(cluster: ClusterCard) -> Sequence[Cell]:
    look = node_look(cluster.state)
    shared = f"shared with {len(cluster.shared_with)}" if cluster.shared_with else ""
    used, total = cluster.used, cluster.total
    return (
        Cell(cluster.name, Tone.LOUD),
        Cell(look.text, look.tone),
        Cell(cluster.driver, Tone.DIM),
        _gpus(used.gpu_milli, total.gpu_milli, Tone.LOUD),
        Cell(f"{format_cpu(used.cpu_milli)}/{format_cpu(total.cpu_milli)}"),
        Cell(memory_of(used.ram_mib, total.ram_mib)),
        Cell(shared, Tone.DIM),
    )


def _gpus(used: int, total: int, tone: Tone) -> Cell:
    return Cell(f"{format_gpu(used)}/{format_gpu(total)}", tone) if total else Cell(NOTHING, Tone.DIM)


def _node_cells(node: NodeCard) -> Sequence[Cell]:
    look = node_look(node.state, is_held=bool(node.used.cpu_milli))
    labels = " ".join(f"{key}={value}" if value else key for key, value in node.labels.items())
    return (
        Cell(f"  {node.name}"),
        Cell(look.text, look.tone),
        Cell(node.gpu_model or "", Tone.DIM),
        _gpus(node.used.gpu_milli, node.total.gpu_milli, Tone.PLAIN),
        Cell(f"{format_cpu(node.used.cpu_milli)}/{format_cpu(node.total.cpu_milli)}", Tone.DIM),
        Cell(memory_of(node.used.ram_mib, node.total.ram_mib), Tone.DIM),
        Cell(labels, Tone.DIM),
    )
