"""Organizations and who belongs to them: make, enter, lead, leave, end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.approval import Policy
from core.domain.errors import Conflict, Forbidden, NotFound
from core.domain.lifecycle import HOLDS_CAPACITY, WAITING
from core.domain.membership import Member, refuse_last_admin
from core.domain.roles import Permission, Role
from core.domain.text import visible
from core.ledger.amounts import Amounts
from core.services.allowances import give_allowance, open_treasury, refuse_living, take_back_balance
from core.services.still import demand_still
from core.services.usecase import reads, writes
from core.settings import Settings
from core.store.repositories.orgs import OrgRow as StoredOrg
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import Done, MemberRow, OrgCard, OrgRow

if TYPE_CHECKING:  # the request models come with pydantic's time, and only their values are looked at here
    from core.domain.requests import NewOrg, NewRole, OrgChange


class Organizations:
    def __init__(self, units: Units, settings: Settings) -> None:
        self.units = units
        self._settings = settings

    @writes(Permission.ORG_CREATE)
    def create(self, unit: Unit, request: NewOrg) -> OrgCard:
        """A new organization; who makes it becomes its admin and works in it from now on."""
        if not (unit.me.operator or self._settings.orgs.open_orgs):
            raise Forbidden("orgs_closed", "only operators create organizations here", "ask one, or join with a code")
        if unit.orgs.living(request.name) is not None:
            raise Conflict("org_name_taken", f"an organization {request.name!r} exists already", "choose another name")
        org = StoredOrg(
            id=unit.ids.new(),
            name=request.name,
            time_zone="UTC",
            allowance_credits_ucr=self._settings.orgs.allowance_ucr,
            allowance_gpu_ms=self._settings.orgs.allowance_gpu_ms,
            created_at=unit.now,
            created_by=unit.me.account_id,
            deleted_at=None,
        )
        unit.orgs.add(org)
        unit.members_of(org.id).add(org.id, unit.me.account_id, Role.ADMIN, unit.now)
        unit.accounts.set_active_org(unit.me.account_id, org.id)
        start = self._settings.orgs
        open_treasury(unit, org.id, Amounts(start.treasury_ucr, start.treasury_gpu_ms))
        given = give_allowance(unit, org.id, unit.me.account_id, Amounts(start.allowance_ucr, start.allowance_gpu_ms))
        unit.record("org.create", org.name, after={"admin": unit.me.name, **given}, org_id=org.id)
        return org_card(org, Role.ADMIN, members=1)

    @reads(Permission.ORG_LIST)
    def list(self, unit: Unit) -> Page[OrgRow]:
        """The organizations of the one who asks; for an operator all of them."""
        own = {org.id: role for org, role in unit.orgs.of_account(unit.me.account_id)}
        shown = unit.orgs.all_living() if unit.me.operator else [o for o, _ in unit.orgs.of_account(unit.me.account_id)]
        return Page(tuple(OrgRow(org.name, own.get(org.id), org.id == unit.me.org_id) for org in shown))

    @writes(Permission.ORG_SWITCH)
    def switch(self, unit: Unit, name: str) -> OrgCard:
        """Work in another organization, in every face."""
        org, role = self._of_mine(unit, name)
        unit.accounts.set_active_org(unit.me.account_id, org.id)
        unit.record("org.switch", org.name, after={"account": unit.me.name}, org_id=org.id)
        return org_card(org, role, unit.members_of(org.id).count())

    @reads(Permission.ORG_READ)
    def show(self, unit: Unit) -> OrgCard:
        org = _active(unit)
        return org_card(org, unit.me.role, unit.members.count())

    @writes(Permission.ORG_CHANGE)
    def change(self, unit: Unit, request: OrgChange) -> OrgCard:
        """Its time zone, what needs a yes, and what whoever comes in from now on starts with; no wallet changes."""
        org = _active(unit)
        wanted = {
            "time_zone": request.time_zone,
            "allowance_credits_ucr": request.credits_ucr,
            "allowance_gpu_ms": request.gpu_ms,
        }
        changed: dict[str, object] = {name: value for name, value in wanted.items() if value is not None}
        if request.approvals is not None:
            changed["approval_policy"] = request.approvals if request.approvals in [*Policy] else None
        unit.orgs.change(org.id, **changed)
        unit.record("org.set", org.name, {name: getattr(org, name) for name in changed}, changed)
        return org_card(_active(unit), unit.me.role, unit.members.count())

    @reads(Permission.MEMBERS_READ)
    def members(self, unit: Unit) -> Page[MemberRow]:
        return Page(tuple(_row(member) for member in unit.members.all()))

    @writes(Permission.MEMBERS_CHANGE)
    def set_role(self, unit: Unit, request: NewRole) -> MemberRow:
        member = _member(unit, request.user)
        demand_still(f"the role of {member.name}", member.role, request.if_still)
        if request.role is Role.MEMBER:
            refuse_last_admin(unit.members.all(), member.account_id)
        unit.members.set_role(member.account_id, request.role)
        unit.record("member.role", member.name, {"role": member.role.value}, {"role": request.role.value})
        return MemberRow(member.name, request.role, member.joined_at)

    @writes(Permission.MEMBERS_CHANGE)
    def remove(self, unit: Unit, user: str) -> Done:
        member = _member(unit, user)
        self._take_out(unit, member, "member.remove")
        return Done(f"{member.name} is no longer in {unit.me.org_name}")

    @writes(Permission.ORG_LEAVE)
    def leave(self, unit: Unit) -> Done:
        me = _member(unit, unit.me.name)
        self._take_out(unit, me, "member.leave")
        return Done(f"you have left {unit.me.org_name}")

    @writes(Permission.ORG_DELETE)
    def delete(self, unit: Unit) -> Done:
        """End the organization. Its audit and its ledger stay; its name is free again."""
        org = _active(unit)
        refuse_living(unit.deployments.in_states(WAITING | HOLDS_CAPACITY), f"{org.name} has")
        unit.orgs.mark_deleted(org.id, unit.now)
        unit.record("org.delete", org.name, {"members": unit.members.count()})
        return Done(f"the organization {org.name} is deleted")

    def _take_out(self, unit: Unit, member: Member, verb: str) -> None:
        refuse_last_admin(unit.members.all(), member.account_id)
        back = take_back_balance(unit, member.account_id, member.name)
        unit.members.remove(member.account_id)
        unit.record(verb, member.name, {"role": member.role.value}, back)

    def _of_mine(self, unit: Unit, name: str) -> tuple[StoredOrg, Role | None]:
        for org, role in unit.orgs.of_account(unit.me.account_id):
            if org.name == name.lower():
                return org, role
        org_of_others = unit.orgs.living(name.lower()) if unit.me.operator else None
        if org_of_others is None:
            raise NotFound("org_not_found", f"no organization {visible(name)} of yours", "bursar org list shows them")
        return org_of_others, None


def _active(unit: Unit) -> StoredOrg:
    org = unit.orgs.by_id(unit.org_id)
    assert org is not None, "a principal's organization lives"
    return org


def _member(unit: Unit, name: str) -> Member:
    member = unit.members.named(name.lower())
    if member is None:
        raise NotFound("member_not_found", f"no member {visible(name)} here", "bursar org members shows them")
    return member


def _row(member: Member) -> MemberRow:
    return MemberRow(member.name, member.role, member.joined_at)


def org_card(org: StoredOrg, role: Role | None, members: int) -> OrgCard:
    return OrgCard(
        name=org.name,
        role=role,
        active=True,
        members=members,
        time_zone=org.time_zone,
        allowance_credits_ucr=org.allowance_credits_ucr,
        allowance_gpu_ms=org.allowance_gpu_ms,
        created_at=org.created_at,
        approvals=org.approval_policy,
    )
