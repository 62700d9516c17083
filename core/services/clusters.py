"""Clusters: capacity under one driver, owned by an organization and shared with others by operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from core.domain.engines import EngineHere, NodeFound, Registry
from core.domain.errors import BursarError, Conflict, Forbidden, Invalid, NotFound
from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.domain.names import check_gpu_model, suggested_name
from core.domain.node_settings import FIRST_NODE, for_node
from core.domain.resources import NOTHING, format_resources, parse_hours
from core.domain.roles import Caller, Permission, require
from core.domain.text import visible
from core.services import cluster_cards as cards
from core.services import resizing
from core.services.references import picked
from core.services.still import demand_still
from core.services.usecase import composed, reads, writes
from core.settings import Settings
from core.store.handles import free_handle
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import Done
from core.views.work import ClusterCard, ClusterLine, FoundNode, HereCard

if TYPE_CHECKING:  # the request models come with pydantic's time, and only their values are looked at here
    from core.domain.cluster_requests import ClusterChange, NewCluster, NewNode, Sharing


class Clusters:
    def __init__(self, units: Units, settings: Settings, registry: Registry) -> None:
        self.units = units
        self._settings = settings
        self._registry = registry

    @reads(Permission.INSTALL)
    def here(self, unit: Unit) -> Page[HereCard]:
        """The engines of this host, for whoever sits at it; none of them is asked anything."""
        del unit  # nothing of the store is told
        return Page(tuple(cards.here_card(engine) for engine in self._registry.here()))

    @composed(Permission.CLUSTER_CREATE)
    def discover(
        self, caller: Caller, driver: str | None = None, settings: Mapping[str, str] | None = None
    ) -> Page[FoundNode]:
        """What an engine would bring: its nodes, and what each holds in all. By itself each engine of this host.

        Nothing is made. One that was only found here and tells nothing is listed with its trouble.
        """
        with self.units.read(caller) as unit:
            require(unit.me, Permission.CLUSTER_CREATE)
            if driver is not None:
                self._refuse_driver(unit, driver)
            allowed = [engine for engine in self._registry.here() if self._may_make(unit, engine.driver)]
        if driver is not None:
            given = dict(settings or {})
            return Page(tuple(cards.found_card(found, driver, given) for found in self._found(driver, given)))
        if settings:
            raise Invalid("settings_without_driver", "settings of which driver?", "give --driver as well")
        return Page(tuple(node for engine in allowed for node in self._told_by(engine)))

    def _told_by(self, engine: EngineHere) -> tuple[FoundNode, ...]:
        try:
            found = self._found(engine.driver, engine.settings)
        except BursarError as error:
            why = f"{error.message} ({error.hint})" if error.hint else error.message
            return (FoundNode(engine.driver, NOTHING, None, (), engine.driver, engine.settings, why),)
        return tuple(cards.found_card(node, engine.driver, engine.settings) for node in found)

    def _found(self, driver: str, settings: Mapping[str, str]) -> tuple[NodeFound, ...]:
        """Ask the engine; no cluster needs to be there for that."""
        if not self._registry.capabilities(driver).discover:
            raise Invalid("cannot_discover", f"{driver} does not tell what it has", "give --cpu, --ram and --gpu")
        engine = self._registry.open(driver, "discovery", self._registry.validated(driver, settings))
        try:
            return engine.discover()
        finally:
            engine.close()

    @composed(Permission.CLUSTER_CREATE)
    def create(self, caller: Caller, request: NewCluster) -> ClusterCard:
        """A cluster of the active organization. Its totals make one node; without any, the engine tells its nodes."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.CLUSTER_CREATE)
            self._refuse_driver(unit, request.driver)
        kept = self._registry.validated(request.driver, request.settings)
        self._refuse_size(request)
        asks_engine = request.totals.is_nothing() and self._registry.capabilities(request.driver).discover
        found = self._found(request.driver, request.settings) if asks_engine else ()
        with self.units.write(caller) as unit:
            require(unit.me, Permission.CLUSTER_CREATE)
            self._refuse_driver(unit, request.driver)
            if any(row.name == request.name and row.org_id == unit.org_id for row in unit.clusters.all()):
                raise Conflict(
                    "cluster_name_taken", f"a cluster {request.name!r} exists already", "choose another name"
                )
            row = ClusterRow(
                id=unit.ids.new(),
                handle=free_handle(unit.ids, "clu", unit.clusters.has_handle),
                org_id=unit.org_id,
                name=request.name,
                driver=request.driver,
                settings=kept,
                state="up",
                default_limit_ms=request.default_limit_ms or self._settings.scheduling.default_limit_ms,
                version=1,
                created_at=unit.now,
                created_by=unit.me.account_id,
                deleted_at=None,
            )
            unit.clusters.add(row)
            after: dict[str, object] = {"driver": row.driver, "name": row.name}
            if not request.totals.is_nothing():
                unit.clusters.add_node(_new_node(unit, row.id, FIRST_NODE, request))
                after["total"] = format_resources(request.totals)
            for node in found:
                unit.clusters.add_node(_node_found(unit, row.id, node))
            unit.record("cluster.create", row.handle, after=after)
            return cards.card(unit, row)

    @composed(Permission.CLUSTER_CHANGE)
    def add_node(self, caller: Caller, request: NewNode) -> ClusterCard:
        """One more machine. Where the driver asks each engine apart, its settings say where this one is."""
        with self.units.read(caller) as unit:
            row = self._may_add(unit, request)
        own = for_node(self._registry.settings(row.driver), request.settings, request.name)
        found = None
        if own and request.totals.is_nothing():
            seen = self._found(row.driver, {**row.settings, **own})
            found = next((node for node in seen if node.name == request.name), None)
        if found is None:
            if request.totals.is_nothing():
                raise Invalid("node_without_size", "a node needs cpu, ram or gpu above 0", "give --cpu, --ram, --gpu")
            self._refuse_size(request)
        with self.units.write(caller) as unit:
            row = self._may_add(unit, request)
            if own:
                unit.clusters.set_settings(row.id, self._registry.validated(row.driver, {**row.settings, **own}))
            node = _node_found(unit, row.id, found) if found else _new_node(unit, row.id, request.name, request)
            unit.clusters.add_node(node)
            unit.clusters.touch(row.id)
            after: dict[str, object] = {"node": node.name, "total": format_resources(node.totals), **own}
            unit.record("cluster.add_node", row.handle, after=after)
            return cards.card(unit, self._mine(unit, request.cluster))

    def _may_add(self, unit: Unit, request: NewNode) -> ClusterRow:
        require(unit.me, Permission.CLUSTER_CHANGE)
        row = self._mine(unit, request.cluster)
        if request.settings:  # an engine's address is as good as the right to make clusters of that driver
            self._refuse_driver(unit, row.driver)
        if any(node.name == request.name for node in unit.clusters.nodes_of(row.id)):
            raise Conflict("node_name_taken", f"{row.name} has a node {request.name!r}", "choose another name")
        return row

    @writes(Permission.CLUSTER_CHANGE)
    def change(self, unit: Unit, request: ClusterChange) -> ClusterCard:
        """Other settings of its driver, another size of a node, another time limit for jobs that name none."""
        row = self._mine(unit, request.cluster)
        given = dict(request.change)
        if not given:
            raise Invalid("nothing_to_set", "nothing to set", "bursar cluster set NAME KEY=VALUE")
        sizes = {name: given.pop(name) for name in resizing.SIZES if name in given}
        hours = given.pop("default_hours", None)
        before: dict[str, object] = {}
        after: dict[str, object] = {}
        if given:
            self._refuse_driver(unit, row.driver)
            kept = {**row.settings, **given}
            kept = self._registry.validated(row.driver, {name: value for name, value in kept.items() if value})
            before["settings"], after["settings"] = dict(row.settings), kept
            unit.clusters.set_settings(row.id, kept)
        if hours is not None:
            limit_ms = parse_hours(hours, name="default_hours")
            before["default_limit_ms"], after["default_limit_ms"] = row.default_limit_ms, limit_ms
            unit.clusters.set_default_limit(row.id, limit_ms)
        if sizes:
            old, new = resizing.resize(unit, row, request.node, sizes)
            before["total"], after["total"] = format_resources(old.totals), format_resources(new.totals)
            after["node"] = new.name
        unit.clusters.touch(row.id)
        unit.record("cluster.change", row.handle, before, after)
        return cards.card(unit, self._mine(unit, row.handle))

    @writes(Permission.CLUSTER_SHARE)
    def share(self, unit: Unit, request: Sharing) -> ClusterCard:
        """Let another organization use it. Its people see the cluster, not what others run there."""
        row = self._mine(unit, request.cluster)
        org = unit.orgs.living(request.org.lower())
        if org is None:
            raise NotFound("org_not_found", f"no organization {visible(request.org)}", "bursar org list shows them")
        if org.id == row.org_id or org.id in unit.clusters.shared_with(row.id):
            raise Conflict("already_shared", f"{org.name} may use {row.name} already", None)
        unit.clusters.share(row.id, org.id)
        unit.record("cluster.share", row.handle, after={"org": org.name})
        return cards.card(unit, row)

    @reads(Permission.CLUSTER_READ)
    def list(self, unit: Unit) -> Page[ClusterLine]:
        return Page(tuple(cards.line(cards.card(unit, row)) for row in unit.clusters.all()))

    @reads(Permission.CLUSTER_READ)
    def show(self, unit: Unit, reference: str) -> ClusterCard:
        row = visible_cluster(unit, reference)
        return replace(cards.card(unit, row), limits=cards.limits_told(unit, row))

    @writes(Permission.CLUSTER_CHANGE)
    def set_node_state(
        self, unit: Unit, cluster: str, node: str, state: str, if_still: str | None = None
    ) -> ClusterCard:
        """Cordon, drain or resume: what runs there is not touched by a cordon; a drained node takes nothing new."""
        row = self._mine(unit, cluster)
        found = picked(
            node, unit.clusters.nodes_of(row.id), lambda n: (n.name,), what="node", see="bursar cluster show"
        )
        demand_still(f"the node {found.name}", found.state, if_still)
        unit.clusters.set_node_state(found.id, state)
        unit.clusters.touch(row.id)
        unit.record("cluster.node", row.handle, {"node": found.name, "state": found.state}, {"state": state})
        return cards.card(unit, self._mine(unit, cluster))

    @writes(Permission.CLUSTER_CHANGE)
    def pause(self, unit: Unit, reference: str) -> ClusterCard:
        """Nothing starts there any more; what runs is not touched."""
        return self._set_state(unit, reference, "paused")

    @writes(Permission.CLUSTER_CHANGE)
    def unpause(self, unit: Unit, reference: str) -> ClusterCard:
        return self._set_state(unit, reference, "up")

    def _set_state(self, unit: Unit, reference: str, state: str) -> ClusterCard:
        row = self._mine(unit, reference)
        unit.clusters.set_state(row.id, state)
        unit.clusters.touch(row.id)
        unit.record("cluster.state", row.handle, {"state": row.state}, {"state": state})
        return cards.card(unit, self._mine(unit, reference))

    @writes(Permission.CLUSTER_CHANGE)
    def delete(self, unit: Unit, reference: str) -> Done:
        row = self._mine(unit, reference)
        everywhere = unit.deployments_everywhere("a cluster may be used by several organizations")
        alive = everywhere.in_states(HOLDS_CAPACITY | {State.QUEUED, State.AWAITING_APPROVAL}, row.id)
        if alive:
            own = [found.handle for found in alive if found.org_id == row.org_id][:5]
            others = sum(found.org_id != row.org_id for found in alive)
            shown = ", ".join([*own, *([f"{others} of other organizations"] if others else [])])
            raise Conflict("cluster_in_use", f"{row.name} is in use: {shown}", "stop or cancel them first")
        unit.clusters.mark_deleted(row.id, unit.now)
        unit.record("cluster.delete", row.handle, {"name": row.name})
        return Done(f"the cluster {row.name} is deleted")

    def _mine(self, unit: Unit, reference: str) -> ClusterRow:
        """One that this organization owns: a cluster that is only shared with it is not its to change."""
        row = visible_cluster(unit, reference)
        if row.org_id != unit.org_id and not unit.me.operator:
            raise Forbidden("not_your_cluster", f"{row.name} belongs to another organization", "ask an operator")
        return row

    def _may_make(self, unit: Unit, driver: str) -> bool:
        return unit.me.operator or driver in self._settings.clusters.drivers_for_admins

    def _refuse_driver(self, unit: Unit, driver: str) -> None:
        if driver not in self._registry.names():
            self._registry.capabilities(driver)  # says which there are
        if self._may_make(unit, driver):
            return
        allowed = ", ".join(self._settings.clusters.drivers_for_admins) or "none"
        raise Forbidden("driver_for_operators", f"only operators make {driver} clusters", f"you may use: {allowed}")

    def _refuse_size(self, request: NewCluster | NewNode) -> None:
        if request.gpu_model is not None and request.totals.gpu_milli == 0:
            raise Invalid("model_without_gpu", f"gpu_model: {request.gpu_model}, but no GPU", "give gpu as well")


def visible_cluster(unit: Unit, reference: str) -> ClusterRow:
    """By its name or id; one's own before a shared one of the same name."""
    rows = sorted(unit.clusters.all(), key=lambda row: row.org_id != unit.org_id)
    return picked(reference, rows, lambda row: (row.handle, row.name), what="cluster", see="bursar cluster list")


def named_or_only(unit: Unit, reference: str | None) -> ClusterRow:
    """The cluster that is named; unnamed, the only one that there is to see."""
    if reference is not None:
        return visible_cluster(unit, reference)
    rows = unit.clusters.all()
    if len(rows) == 1:
        return rows[0]
    names = ", ".join(row.name for row in rows[:5])
    message = f"there are {len(rows)} clusters" if rows else "there is no cluster yet"
    first = "make one: bursar cluster create NAME --driver process" if unit.me.operator else "an operator makes one"
    raise Invalid("which_cluster", message, f"say which: {names}" if rows else first)


def _node_found(unit: Unit, cluster_id: str, found: NodeFound) -> NodeRow:
    """A node as the engine tells of it, with its devices by the engine's own names.

    One with GPUs of several models has none: who asks for a model must not be given another.
    """
    models = sorted({check_gpu_model(gpu.model) for gpu in found.gpus})
    return NodeRow(
        id=unit.ids.new(),
        cluster_id=cluster_id,
        name=suggested_name(found.name) or FIRST_NODE,
        totals=found.capacity,
        gpu_model=models[0] if len(models) == 1 else None,
        gpu_ids=tuple(gpu.id for gpu in found.gpus),
        labels=dict(found.labels),
        state="up" if found.up else "down",
    )


def _new_node(unit: Unit, cluster_id: str, name: str, size: NewCluster | NewNode) -> NodeRow:
    return NodeRow(
        id=unit.ids.new(),
        cluster_id=cluster_id,
        name=name,
        totals=size.totals,
        gpu_model=size.gpu_model,
        gpu_ids=tuple(str(i) for i in range(-(-size.totals.gpu_milli // 1000))),
        labels=dict(size.labels),
        state="up",
    )
