"""The account's side of its links with Slack: read who asks, confirm, list, end."""

from __future__ import annotations

from core.domain.chat import DeliveryKind, NoticeKind
from core.domain.errors import Conflict
from core.domain.report_requests import LinkCode
from core.domain.roles import Caller, Permission, require
from core.security.codes import Purpose, bad_code, hash_code
from core.security.keys import Keys
from core.services.chat import bind_workspace, link_person, unlink_person
from core.services.guessing import Guesses
from core.services.references import picked
from core.services.usecase import composed, reads, writes
from core.store.repositories.chat import CodeRow
from core.store.units import Unit, Units
from core.views.chat import LinkAsked, LinkLine, PendingLink
from core.views.operations import Page
from core.views.people import Done


class SlackLinks:
    def __init__(self, units: Units, keys: Keys, guesses: Guesses) -> None:
        self.units = units
        self._keys = keys
        self._guesses = guesses

    @composed(Permission.SLACK_LINK)
    def asked(self, caller: Caller, request: LinkCode) -> LinkAsked:
        """Whose code this is, so that nobody confirms somebody else's unseen."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.SLACK_LINK)
        self._guesses.count(caller, f"link:{caller.account_id}")
        with self.units.write(caller) as unit:
            row = self._good(unit, request)
            self._guesses.forgive(unit, f"link:{caller.account_id}")
        return LinkAsked(row.name, row.workspace, row.user_id, row.team_id)

    @reads(Permission.SLACK_LINK)
    def pending(self, unit: Unit) -> Page[PendingLink]:
        """Who in Slack asks to act as this account, by `/bursar link NAME`; the code that they were shown confirms."""
        rows = unit.slack.offered_to(unit.me.account_id, unit.now)
        return Page(tuple(_pending(row) for row in rows))

    @writes(Permission.SLACK_LINK)
    def refuse(self, unit: Unit, reference: str) -> Done:
        """Their code is worth nothing from here on."""
        row = picked(
            reference,
            unit.slack.offered_to(unit.me.account_id, unit.now),
            lambda one: (one.user_id.lower(), one.name.lower()),
            what="request",
            see="bursar slack pending",
            offers=False,
        )
        unit.slack.withdraw(row.code_hash)
        unit.record("slack.refuse", f"{row.team_id}/{row.user_id}")
        return Done(f"{row.name} in {row.workspace} does not act as {unit.me.name}; their code is worth nothing")

    @composed(Permission.SLACK_LINK)
    def confirm(self, caller: Caller, request: LinkCode) -> Done:
        """From here on the person who was shown the code acts as this account."""
        with self.units.read(caller) as unit:
            require(unit.me, Permission.SLACK_LINK)
        self._guesses.count(caller, f"link:{caller.account_id}")
        with self.units.write(caller) as unit:
            row = self._good(unit, request)
            if unit.slack.person(row.team_id, row.user_id) is not None:
                raise Conflict("already_linked", f"{row.name} is linked already", "let them say `unlink` first")
            unit.slack.use_code(row.code_hash, unit.now)
            link_person(unit, row.team_id, row.user_id, row.name, unit.me.account_id)
            if unit.me.org_id is not None:
                bind_workspace(unit, row.team_id, unit.me.org_id, unit.me.account_id)
                self._tell(unit, row, unit.me.org_id)
            self._guesses.forgive(unit, f"link:{caller.account_id}")
        return Done(f"{row.name} in {row.workspace} now acts as {unit.me.name}")

    @reads(Permission.SLACK_LINK)
    def list(self, unit: Unit) -> Page[LinkLine]:
        people = unit.slack.of_account(unit.me.account_id)
        return Page(tuple(LinkLine(one.team_id, one.user_id, one.name, one.linked_at) for one in people))

    @writes(Permission.SLACK_LINK)
    def unlink(self, unit: Unit) -> Done:
        """End every link of this account."""
        people = unit.slack.of_account(unit.me.account_id)
        for person in people:
            unlink_person(unit, person)
        return Done(f"{len(people)} links ended")

    def _good(self, unit: Unit, request: LinkCode) -> CodeRow:
        row = unit.slack.code(hash_code(Purpose.LINK, request.code, self._keys.code_key))
        if row is None or row.used_at is not None or row.expires_at <= unit.now or not _for(unit, row):
            raise bad_code(Purpose.LINK)
        return row

    def _tell(self, unit: Unit, row: CodeRow, org_id: str) -> None:
        """A message with a way back, so that nobody is linked without knowing."""
        unit.deliveries.want(
            unit.ids.new(),
            org_id=org_id,
            team_id=row.team_id,
            recipient=row.user_id,
            kind=DeliveryKind.NOTICE,
            subject=f"linked:{unit.now}",
            now=unit.now,
            data={"notice": NoticeKind.LINKED.value, "account": unit.me.name},
        )


def _for(unit: Unit, row: CodeRow) -> bool:
    """A code that names an account is good for that one alone."""
    return row.account_id in (None, unit.me.account_id)


def _pending(row: CodeRow) -> PendingLink:
    return PendingLink(row.name, row.workspace, row.user_id, row.team_id, row.offered_at or 0, row.expires_at)
