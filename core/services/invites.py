"""Invites: codes that let people into an organization, shown once and kept only as a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.errors import Conflict
from core.domain.membership import Invite
from core.domain.roles import Caller, Permission, require
from core.ledger.amounts import Amounts
from core.security.codes import Purpose, bad_code, hash_code, new_invite_code
from core.security.keys import Keys
from core.services.allowances import give_allowance
from core.services.guessing import Guesses
from core.services.organizations import org_card
from core.services.references import picked
from core.services.usecase import composed, reads, writes
from core.settings import Settings
from core.store.handles import free_handle
from core.store.repositories.orgs import OrgRow as Org
from core.store.units import Unit, Units
from core.views.operations import Page
from core.views.people import InviteCard, OrgCard

if TYPE_CHECKING:  # the request models come with pydantic's time, and only their values are looked at here
    from core.domain.requests import Joining, NewInvite


class Invites:
    def __init__(self, units: Units, settings: Settings, keys: Keys, guesses: Guesses) -> None:
        self.units = units
        self._settings = settings.accounts
        self._keys = keys
        self._guesses = guesses

    @writes(Permission.INVITES_CHANGE)
    def create(self, unit: Unit, request: NewInvite) -> InviteCard:
        code = new_invite_code(unit.ids)
        invite = Invite(
            id=unit.ids.new(),
            handle=free_handle(unit.ids, "inv", unit.invites_anywhere("a handle is unique everywhere").has_handle),
            org_id=unit.org_id,
            role=request.role,
            uses=request.uses,
            used=0,
            expires_at=unit.now + (request.expires or self._settings.invite_lifetime_ms) * 1000,
            revoked_at=None,
            credits_ucr=request.credits,
            gpu_ms=request.gpu_hours,
            created_at=unit.now,
            created_by=unit.me.account_id,
        )
        unit.invites.add(invite, self._hashed(code))
        unit.record("invite.create", invite.handle, after={"role": invite.role.value, "uses": invite.uses})
        return _card(invite, unit.now, code)

    @reads(Permission.INVITES_READ)
    def list(self, unit: Unit) -> Page[InviteCard]:
        return Page(tuple(_card(invite, unit.now) for invite in unit.invites.all()))

    @writes(Permission.INVITES_CHANGE)
    def revoke(self, unit: Unit, reference: str) -> InviteCard:
        invite = _referred(unit, reference)
        unit.invites.revoke(invite, unit.now)
        unit.record("invite.revoke", invite.handle, {"state": invite.state(unit.now)})
        return _card(_referred(unit, invite.handle), unit.now)

    @writes(Permission.INVITES_CHANGE)
    def rotate(self, unit: Unit, reference: str) -> InviteCard:
        """A new code for the same invite; the old one is worth nothing from now on."""
        invite = _referred(unit, reference)
        if invite.state(unit.now) != "open":
            raise Conflict(
                "invite_closed", f"the invite {invite.handle} is {invite.state(unit.now)}", "create a new one"
            )
        code = new_invite_code(unit.ids)
        unit.invites.change_code(invite, self._hashed(code))
        unit.record("invite.rotate", invite.handle)
        return _card(invite, unit.now, code)

    @composed(Permission.ORG_JOIN)
    def join(self, caller: Caller, request: Joining) -> OrgCard:
        """Enter an organization by a code. Each try counts before it is judged, so that guessing stays slow."""
        guessed = f"join:{caller.account_id}"
        self._guesses.count(caller, guessed)
        self._guesses.count_code(caller)
        return self._enter(caller, request, guessed)

    def _hashed(self, code: str) -> str:
        return hash_code(Purpose.INVITE, code, self._keys.code_key)

    def _enter(self, caller: Caller, request: Joining, guessed: str) -> OrgCard:
        with self.units.write(caller) as unit:
            require(unit.me, Permission.ORG_JOIN)
            found = unit.invites_anywhere("the code itself says whose invite it is").by_code(self._hashed(request.code))
            org = unit.orgs.by_id(found.org_id) if found else None
            if found is None or org is None or org.deleted_at is not None or found.state(unit.now) != "open":
                raise bad_code(Purpose.INVITE)
            if any(mine.id == org.id for mine, _ in unit.orgs.of_account(unit.me.account_id)):
                raise Conflict("already_member", f"you are in {org.name} already", f"bursar org switch {org.name}")
            members = unit.members_of(org.id)
            members.add(org.id, unit.me.account_id, found.role, unit.now, found.id)
            unit.invites_anywhere("found by its code").use(found)
            unit.accounts.set_active_org(unit.me.account_id, org.id)
            self._guesses.forgive(unit, guessed)
            given = give_allowance(unit, org.id, unit.me.account_id, _allowance(found, org))
            after = {"role": found.role.value, "invite": found.handle, **given}
            unit.record("member.join", unit.me.name, after=after, org_id=org.id)
            return org_card(org, found.role, members.count())


def _allowance(invite: Invite, org: Org) -> Amounts:
    """What the invite names, and of what it does not name as much as the organization gives everybody."""
    return Amounts(
        org.allowance_credits_ucr if invite.credits_ucr is None else invite.credits_ucr,
        org.allowance_gpu_ms if invite.gpu_ms is None else invite.gpu_ms,
    )


def _referred(unit: Unit, reference: str) -> Invite:
    return picked(
        reference,
        unit.invites.all(),
        lambda invite: (invite.handle,),
        what="invite",
        see="bursar invite list",
        offers=False,
    )


def _card(invite: Invite, now: int, code: str | None = None) -> InviteCard:
    return InviteCard(
        id=invite.handle,
        role=invite.role,
        uses=invite.uses,
        used=invite.used,
        state=invite.state(now),
        credits_ucr=invite.credits_ucr,
        gpu_ms=invite.gpu_ms,
        expires_at=invite.expires_at,
        created_at=invite.created_at,
        code=code,
    )
