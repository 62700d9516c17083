"""Two organizations that know nothing of each other, and everybody who may ask: the ground of the isolation tests.

The store is put back after each call that changed it, so every call meets the same world.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from core.clock import MINUTE
from core.domain.money_requests import FlavorRequest, PeriodRequest
from core.domain.report_requests import LinkCode, NewSchedule
from core.domain.roles import Caller
from tests.builders import NOBODY, Dump, World, copy_of, dump

ROLES = ("nobody", "stranger", "member", "admin", "outsider", "operator", "reading token", "working token")


@dataclass(frozen=True)
class Things:
    """What an organization has that somebody could name; each is named by one word."""

    org: str
    admin: str
    member: str
    token: str  # of the member
    session: str  # of the member, too
    invite: str
    open_code: str
    closed_code: str
    cluster: str
    spare_cluster: str
    node: str
    deployment: str
    stopped: str
    posting: int
    line: int  # of the audit
    api_token: str  # as its bearer would send it, with a wrong secret
    workspace: str
    schedule: str
    asks: str  # who in Slack asks to act as the admin
    link_code: str  # shown to a stranger in Slack


NOTHING_THERE = Things(
    org="nowhere",
    admin="nobody-a",
    member="nobody-m",
    token="tok-zzzzzz",
    session="zzzzzzzz",
    invite="inv-zzzzzz",
    open_code="YYYYYYYYYY",
    closed_code="ZZZZZZZZZZ",
    cluster="clu-zzzzzz",
    spare_cluster="clu-yyyyyy",
    node="no-node",
    deployment="dep-zzzzzz",
    stopped="dep-yyyyyy",
    posting=999_999,
    line=999_998,
    api_token="bur_tok-zzzzzz_" + "0" * 64,
    workspace="T0NOWHERE",
    schedule="rep-zzzzzz",
    asks="U0NOBODY",
    link_code="ZZZZZZZZ",
)


@dataclass(frozen=True)
class Org:
    things: Things
    admin: Caller
    member: Caller


def settle_org(world: World, operator: Caller, name: str, letter: str, between: Callable[[], None]) -> Org:
    """An organization with one of everything. `between` is called again and again while it is made."""
    founder = world.org(operator, name)
    between()
    admin = world.member(founder, f"{letter}-admin", "admin")
    between()
    member = world.member(admin, f"{letter}-member")
    world.bursar.organizations.leave(founder)
    between()
    cluster = world.cluster(admin, f"{letter}-rack")
    spare = world.cluster(admin, f"{letter}-spare")
    world.fund(member, credits=50, gpu_hours=5)
    between()
    open_invite, closed_invite = world.invite(admin), world.invite(admin)
    world.bursar.invites.revoke(admin, closed_invite.id)
    between()
    world.token(member, "read", f"{letter}-token")
    deployment = world.submit(member, f"{letter}-work", cluster.name)
    stopped = world.submit(member, f"{letter}-stopped", cluster.name)
    world.bursar.deployments.stop(member, stopped.id)
    between()
    chat = world.bursar.chat()
    offer = chat.offer_link(f"T0{letter.upper()}", "U0ADMIN", f"{letter}-admin", f"{letter}-space")
    world.bursar.slack_links.confirm(admin, LinkCode(code=offer.code))
    chat.offer_link(
        f"T0{letter.upper()}", f"U0{letter.upper()}ASKS", f"{letter}-asks", f"{letter}-space", f"{letter}-admin"
    )
    schedule = world.bursar.reports.schedule(admin, NewSchedule(channel="C0REPORTS", when="weekly mon 09:00"))
    between()
    token = world.bursar.accounts.list_tokens(member).items[0].id
    grants = [line for line in world.bursar.statements.of_wallet(member, PeriodRequest()).items if line.kind == "grant"]
    things = Things(
        org=name,
        admin=f"{letter}-admin",
        member=f"{letter}-member",
        token=token,
        session=world.bursar.accounts.list_sessions(member).items[0].id,
        invite=open_invite.id,
        open_code=open_invite.code or "",
        closed_code=closed_invite.code or "",
        cluster=cluster.id,
        spare_cluster=spare.id,
        node="node-1",
        deployment=deployment.id,
        stopped=stopped.id,
        posting=grants[-1].number,
        line=world.bursar.operations.audit(admin, 1).items[0].seq,
        api_token=f"bur_{token}_{'0' * 64}",
        workspace=f"T0{letter.upper()}",
        schedule=schedule.id,
        asks=f"U0{letter.upper()}ASKS",
        link_code=world.bursar.chat().offer_link(f"T0{letter.upper()}", "U0STRANGER", "zoe", "Elsewhere").code,
    )
    return Org(things, admin, member)


class TwoOrgs:
    """The world, who asks in it, and the way back to how it was."""

    def __init__(self, home: Path, head: Path) -> None:
        self._home = home
        self._file = home / "bursar.db"
        home.mkdir(mode=0o700)
        copy_of(head, self._file)
        self.world = World.on(home)
        operator = self.world.operator()
        stranger = self.world.person("stranger")
        self.alpha = settle_org(self.world, operator, "alpha", "a", lambda: None)
        self.beta = settle_org(self.world, operator, "beta", "b", lambda: None)
        self.world.bursar.prices.set_flavor(operator, FlavorRequest(name="small", price="0.1", cpu=1))
        self.world.advance(MINUTE)
        self._callers = {
            "nobody": NOBODY,
            "stranger": stranger,
            "member": self.alpha.member,
            "admin": self.alpha.admin,
            "outsider": self.beta.admin,
            "operator": replace(operator, org="alpha"),
            "reading token": self.world.token(self.alpha.admin, "read"),
            "working token": self.world.token(self.alpha.admin, "work"),
        }
        self.before: Dump = dump(self.world.store)
        self.world.close()
        self._pristine = self._file.read_bytes()
        self._open()

    def _open(self) -> None:
        self.world = World.of(self.world.settings, self.world.clock, self.world.ids)
        self._watch = sqlite3.connect(self._file, isolation_level=None)
        self._seen = self._version()

    def _version(self) -> int:
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def committed(self) -> bool:
        """Whether anything at all was committed since the world was last put back."""
        return self._version() != self._seen

    def put_back(self) -> None:
        if not self.committed():
            return
        self.close()
        for leftover in self._home.glob("bursar.db-*"):
            leftover.unlink()
        self._file.write_bytes(self._pristine)
        self._open()

    def close(self) -> None:
        with closing(self._watch):
            self.world.close()

    def caller(self, role: str, org: str | None = None) -> Caller:
        asking = self._callers[role]
        return asking if org is None else replace(asking, org=org)

    def own(self, role: str) -> Things:
        return self.beta.things if role == "outsider" else self.alpha.things

    def other(self, role: str) -> Things:
        return self.alpha.things if role == "outsider" else self.beta.things


def without_names(text: str | None, *things: Things) -> str | None:
    """A sentence with every name that it may have been given taken out."""
    if text is None:
        return None
    words = {str(word) for one in things for word in astuple(one)}
    for word in sorted(words | {word[:7] for word in words if word[3:4] == "-"}, key=len, reverse=True):
        text = text.replace(word, "<name>")
    return text
