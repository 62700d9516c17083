"""What a screen looks through: long lists by their ids, the feed, the devices of a cluster, what an engine offers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.domain.browsing import JOURNAL_FIELDS, Order, read_filter
from core.domain.engines import Registry
from core.domain.errors import Invalid, NotFound
from core.domain.lifecycle import State
from core.domain.roles import Permission, allows, require
from core.domain.text import visible
from core.services import deployment_cards as cards
from core.services.clusters import visible_cluster
from core.services.happenings import event_line
from core.services.postings import posting_card
from core.services.references import find
from core.services.usecase import reads
from core.store.leases import current
from core.store.queries import audits, browsing
from core.store.repositories.runs import AllocationRow
from core.store.units import Unit, Units
from core.views.browsing import DeviceLine, EventLine, Holder, Pulse
from core.views.money import PostingCard
from core.views.operations import AuditLine, Page
from core.views.work import DeploymentLine

MOST_LINES = 500
MOST_OF_JOURNAL = 100_000  # of what is older, a filter finds what one looks for
_WHOLE = 1000  # thousandths of a GPU
# What every member may see happen; the rest of the feed is for admins.
_FOR_MEMBERS = ("deployment", "cluster", "org", "member")


class Browsing:
    def __init__(self, units: Units, registry: Registry) -> None:
        self.units = units
        self._registry = registry

    @reads(Permission.INSTALL)
    def is_new(self, unit: Unit) -> bool:
        """Whether the installation still waits for its first operator."""
        return not unit.accounts.any_operator()

    @reads(Permission.IDENTITY_READ)
    def pulse(self, unit: Unit) -> Pulse:
        """Cheap enough to ask every second."""
        lease = current(unit.connection)
        leads = lease is not None and lease.expires_at > unit.now
        last = unit.audit.newest(1) if unit.me.org_id is not None else []
        return Pulse(unit.now, last[0].at if last else None, lease.owner if lease and leads else None)

    @reads(Permission.DEPLOYMENT_READ)
    def order(
        self,
        unit: Unit,
        *,
        filter: str = "",  # noqa: A002 - the word for it
        order: str = "age",
        backwards: bool = False,
        mine: bool = False,
        deleted: bool = False,
        everywhere: bool = False,
    ) -> tuple[str, ...]:
        """The ids of all deployments that fit, in order; `lines` reads as many of them as are shown.

        What is deleted is among them where it is asked for, be it by the filter; those of all organizations for
        operators, who ask for them.
        """
        unit = _looking(unit, Permission.DEPLOYMENT_READ_ALL, everywhere=everywhere)
        words = read_filter(filter)
        deleted = deleted or any(word.field == "state" and word.text == State.DELETED for word in words)
        states = [state.value for state in State if deleted or state is not State.DELETED]
        return browsing.order_of_deployments(
            unit.connection,
            unit.scope,
            states=states,
            words=words,
            owner_id=unit.me.account_id if mine else None,
            order=Order(order),
            backwards=backwards,
        )

    @reads(Permission.DEPLOYMENT_READ)
    def lines(self, unit: Unit, ids: tuple[str, ...], *, everywhere: bool = False) -> tuple[DeploymentLine, ...]:
        """These deployments, in the order in which they are named; of all organizations each with its own."""
        unit = _looking(unit, Permission.DEPLOYMENT_READ_ALL, everywhere=everywhere)
        if len(ids) > MOST_LINES:
            raise Invalid("too_many", f"ids: at most {MOST_LINES} at once (got {len(ids)})", "ask for fewer at once")
        found = {row.handle: row for row in unit.deployments.by_handles(ids)}
        missing = next((handle for handle in ids if handle not in found), None)
        if missing is not None:
            raise NotFound("deployment_not_found", f"no deployment {visible(missing)} here", "bursar list shows them")
        return cards.lines(unit, [found[handle] for handle in ids], with_org=everywhere)

    @reads(Permission.DEPLOYMENT_READ)
    def feed(self, unit: Unit, limit: int = 50) -> Page[EventLine]:
        """What has happened in the organization, newest first."""
        kinds = None if allows(unit.me, Permission.AUDIT_READ) else _FOR_MEMBERS
        rows = browsing.newest_events(unit.connection, unit.scope, limit=min(limit, MOST_LINES), kinds=kinds)
        return Page(tuple(event_line(*row) for row in rows))

    @reads(Permission.DEPLOYMENT_READ)
    def timeline(self, unit: Unit, reference: str) -> Page[EventLine]:
        """What has happened to a deployment, oldest first."""
        row = find(unit, reference)
        rows = browsing.newest_events(unit.connection, unit.scope, limit=MOST_LINES, subject=row.handle)
        return Page(tuple(event_line(*one) for one in reversed(rows)))

    @reads(Permission.WALLET_READ)
    def postings(self, unit: Unit, reference: str) -> Page[PostingCard]:
        """Every posting for a deployment with its entries, oldest first: for its owner and for admins."""
        row = find(unit, reference)
        require(unit.me, Permission.WALLET_READ, owner_id=row.owner_id)
        return Page(tuple(posting_card(unit, found) for found in unit.book.of_deployment(row.id)[-MOST_LINES:]))

    @reads(Permission.AUDIT_READ)
    def journal(
        self,
        unit: Unit,
        *,
        filter: str = "",  # noqa: A002 - the word for it
        after: int = 0,
        everywhere: bool = False,
    ) -> tuple[int, ...]:
        """The numbers of what was done and fits, newest first; `journal_lines` reads as many of them as are shown.

        Those of all organizations for operators, who ask for them.
        """
        unit = _looking(unit, Permission.AUDIT_VERIFY, everywhere=everywhere)
        words = read_filter(filter, JOURNAL_FIELDS)
        return audits.numbers(unit.connection, unit.scope, words, after=after, most=MOST_OF_JOURNAL)

    @reads(Permission.AUDIT_READ)
    def journal_lines(self, unit: Unit, numbers: tuple[int, ...], *, everywhere: bool = False) -> tuple[AuditLine, ...]:
        """What was done, in the order in which it is asked for."""
        unit = _looking(unit, Permission.AUDIT_VERIFY, everywhere=everywhere)
        if len(numbers) > MOST_LINES:
            raise Invalid("too_many", f"at most {MOST_LINES} at once (got {len(numbers)})", "ask for fewer at once")
        found = audits.lines(unit.connection, unit.scope, numbers)
        if not found.keys() >= set(numbers):
            raise NotFound("audit_line_not_found", "there is no such line in the audit here", "bursar audit shows them")
        return tuple(found[number] for number in numbers)

    @reads(Permission.CLUSTER_READ)
    def devices(self, unit: Unit, cluster: str) -> Page[DeviceLine]:
        """Every GPU of a cluster and who holds it; of other organizations only that they do."""
        row = visible_cluster(unit, cluster)
        everyone = unit.for_all("a device is held by one, whoever that is")
        held: dict[tuple[str, int], list[tuple[AllocationRow, int]]] = {}
        allocations = everyone.runs.allocations_on(row.id)
        for allocation in allocations:
            for index, milli in allocation.shares:
                held.setdefault((allocation.node_id, index), []).append((allocation, milli))
        holders = _holders(unit, everyone, {allocation.deployment_id for allocation in allocations})
        lines = []
        for node in unit.clusters.nodes_of(row.id):
            for index in range(-(-node.totals.gpu_milli // _WHOLE)):
                whole = min(_WHOLE, node.totals.gpu_milli - index * _WHOLE)
                parts = held.get((node.id, index), [])
                free = whole - sum(milli for _, milli in parts)
                name = node.gpu_ids[index] if index < len(node.gpu_ids) else str(index)
                who = tuple(_holding(holders.get(a.deployment_id), milli) for a, milli in parts)
                lines.append(DeviceLine(row.name, node.name, node.state, index, name, node.gpu_model, free, who))
        return Page(tuple(lines))


def _looking(unit: Unit, right: Permission, *, everywhere: bool) -> Unit:
    if not everywhere:
        return unit
    require(unit.me, right)
    return unit.for_all("operators see the installation")


def _holders(unit: Unit, everyone: Unit, ids: Iterable[str]) -> dict[str, Holder]:
    """Deployments of one's own organization by their ids; the others are only among them for an operator.

    An id is a word of one organization: for those of another one a verb is told which.
    """
    found = everyone.deployments.by_ids(sorted(ids))
    rows = [row for row in found if row.org_id == unit.me.org_id or unit.me.operator]
    others = {org_id: unit.orgs.by_id(org_id) for org_id in {row.org_id for row in rows} - {unit.me.org_id}}
    orgs = {org_id: org.name if org else None for org_id, org in others.items()}
    owners = {owner_id: unit.accounts.by_id(owner_id) for owner_id in {row.owner_id for row in rows}}
    names = {owner_id: owner.name if owner else None for owner_id, owner in owners.items()}
    return {
        row.id: Holder(
            row.handle,
            row.name,
            names[row.owner_id],
            row.state,
            0,
            orgs.get(row.org_id),
        )
        for row in rows
    }


def _holding(holder: Holder | None, milli: int) -> Holder:
    if holder is None:
        return Holder(None, None, None, None, milli)
    return replace(holder, milli=milli)
