"""Who is in the organization, with which role, and the invites that let more in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from core.views.chat import LinkLine
from core.views.people import InviteCard, MemberRow
from tui import actions, questions
from tui.actions import Action, Command
from tui.amounts import age, credits_of, gpu_hours_of, until
from tui.completion import Names
from tui.messages import PeopleSeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging, Line
from tui.widgets.panel import Panel
from tui.widgets.plain import joined, text
from tui.widgets.table import LineTable

_INVITE_LOOKS = {
    "open": ("●", Tone.GOOD),
    "used up": ("○", Tone.DIM),
    "expired": ("◇", Tone.DIM),
    "revoked": ("⊘", Tone.BAD),
}
_NO_LINKS = "nobody in Slack acts as you: /bursar link shows a code there, and l takes it here"


class PeopleScreen(Frame):
    PLACE = "people"
    CSS_PATH = "people.tcss"
    ACTIONS = (
        actions.INVITE,
        actions.ROLE,
        actions.REMOVE,
        actions.REVOKE,
        actions.ROTATE,
        actions.LINK_SLACK,
        actions.UNLINK_SLACK,
    )

    def __init__(self) -> None:
        super().__init__()
        self._members: dict[str, MemberRow] = {}
        self._invites: dict[str, InviteCard] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("members", classes="members"):
                yield LineTable(
                    [Column("member", 10, grow=True), Column("role", 8), Column("joined", 7, right=True, drop=1)],
                    name="members",
                    nothing="nobody here",
                    opens=False,
                )
                yield Hanging(classes="org")
            with Vertical(classes="side"):
                with Panel("invites", classes="invites"):
                    yield LineTable(
                        [
                            Column("invite", 11),
                            Column("lets in", 8, grow=True),
                            Column("used", 6, right=True),
                            Column("state", 11),
                            Column("gives", 18, drop=2),
                            Column("ends", 8, right=True, drop=1),
                        ],
                        name="invites",
                        nothing="no invites: i makes one",
                        opens=False,
                    )
                with Panel("Slack", classes="slack"):
                    yield Hanging(classes="links")

    def look(self) -> None:
        if self.console.who is not None:
            self.ask(questions.people(self.console.who), "people")

    @on(PeopleSeen)
    def _people_seen(self, seen: PeopleSeen) -> None:
        now, org = self.console.now(), seen.org
        gives = f"{credits_of(org.allowance_credits_ucr)} cr and {gpu_hours_of(org.allowance_gpu_ms)} GPUh"
        self.query_one(".members", Panel).entitle(f"{org.name}  {org.members} member{'s' if org.members != 1 else ''}")
        self.query_one(".org", Hanging).hang([text(f"each begins with {gives} · {org.time_zone}", Tone.DIM)])
        self.query_one(".links", Hanging).hang(_link_lines(seen.links, now) or [text(_NO_LINKS, Tone.DIM)])
        self._members = {member.name: member for member in seen.members}
        self._invites = {invite.id: invite for invite in seen.invites or ()}
        rows = [
            (m.name, (Cell(m.name), Cell(m.role.value, _role_tone(m)), Cell(age(m.joined_at, now), Tone.DIM)))
            for m in seen.members
        ]
        self.query_one("#members", LineTable).show_rows(rows)
        nothing = "no invites: i makes one" if seen.invites is not None else "invites are for admins"
        invites = [(invite.id, _invite_cells(invite, now)) for invite in self._invites.values()]
        self.query_one("#invites", LineTable).show_rows(invites, nothing=nothing)
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self.refresh_bindings()

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        """Members under the cursor for what is done to members, invites for what is done to invites."""
        table = self.query_one("#invites" if action.subject == "id" else "#members", LineTable)
        key = table.key
        if key is None or (action.subject == "id" and not table.has_focus):
            return []
        return [(key, key)]

    def undo(self, action: Action, subject: str) -> Command | None:
        member = self._members.get(subject)
        if action is not actions.ROLE or member is None:
            return None
        return Command(action.verb, {"user": (subject,), "role": (member.role.value,)})

    def names(self) -> Names:
        return {
            "user": {member.name: member.role.value for member in self._members.values()},
            "invite": {invite.id: invite.state for invite in self._invites.values()},
        }


def _role_tone(member: MemberRow) -> Tone:
    return Tone.BUSY if member.role.value == "admin" else Tone.PLAIN


def _link_lines(links: Sequence[LinkLine], now: int) -> list[Line]:
    return [
        (
            text("● ", Tone.GOOD),
            joined(
                text(f"@{link.name}", Tone.LOUD),
                text(f" acts as you, since {age(link.linked_at, now)} ({link.workspace}/{link.user})", Tone.DIM),
            ),
        )
        for link in links
    ]


def _invite_cells(invite: InviteCard, now: int) -> Sequence[Cell]:
    gives = []
    if invite.credits_ucr is not None:
        gives.append(f"{credits_of(invite.credits_ucr)} cr")
    if invite.gpu_ms is not None:
        gives.append(f"{gpu_hours_of(invite.gpu_ms)} GPUh")
    sign, tone = _INVITE_LOOKS.get(invite.state, ("?", Tone.DIM))
    ends = until(invite.expires_at, now) if invite.state == "open" else ""
    return (
        Cell(invite.id),
        Cell(invite.role.value),
        Cell(f"{invite.used}/{invite.uses}"),
        Cell(f"{sign} {invite.state}", tone),
        Cell(" ".join(gives) or "as usual", Tone.DIM),
        Cell(ends, Tone.DIM),
    )
