"""Who one is here: one's organizations and sessions, the tokens of one's scripts, and who in Slack acts as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from core.views.chat import LinkLine, PendingLink
from core.views.people import AccountCard, OrgRow, SessionCard, TokenCard
from tui import actions, questions
from tui.actions import Action, Command
from tui.amounts import age, until
from tui.completion import Names
from tui.deployment_facts import fact
from tui.format import instant
from tui.messages import AccountSeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging, Line
from tui.widgets.panel import Panel
from tui.widgets.table import LineTable

_NO_TOKENS = "none: t makes one for scripts"
_TOKENS = {"open": ("●", Tone.GOOD), "expired": ("◇", Tone.DIM), "revoked": ("⊘", Tone.BAD)}


class AccountScreen(Frame):
    PLACE = "account"
    CSS_PATH = "account.tcss"
    NOTES = ("another password ends every session and token of yours; in a shell: bursar passwd",)
    ACTIONS = (
        actions.TOKEN_CREATE,
        actions.TOKEN_REVOKE,
        actions.SESSION_END,
        actions.LINK_SLACK,
        actions.REFUSE_SLACK,
        actions.UNLINK_SLACK,
        actions.JOIN,
        actions.ORG_CREATE,
    )

    def __init__(self) -> None:
        super().__init__()
        self._orgs: dict[str, OrgRow] = {}
        self._tokens: dict[str, TokenCard] = {}
        self._sessions: dict[str, SessionCard] = {}
        self._asking: dict[str, PendingLink] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Vertical(classes="own"):
                with Panel("you", classes="you"):
                    yield Hanging(classes="facts")
                with Panel("organizations", classes="orgs"):
                    yield LineTable(
                        [Column("organization", 12, grow=True), Column("role", 8), Column("", 6)],
                        name="orgs",
                        nothing="none yet: J joins one by its code",
                    )
                with Panel("logged in", classes="sessions"):
                    yield LineTable(
                        [
                            Column("by", 8, grow=True),
                            Column("id", 8, drop=1),
                            Column("since", 5, right=True),
                            Column("ends", 7, right=True),
                            Column("", 6),
                        ],
                        name="sessions",
                        nothing="nowhere: a token asks here",
                        opens=False,
                    )
            with Vertical(classes="side"):
                with Panel("API tokens", classes="tokens"):
                    yield LineTable(
                        [
                            Column("token", 10, grow=True),
                            Column("id", 10, drop=2),
                            Column("scope", 9, drop=1),
                            Column("state", 9),
                            Column("ends", 8, right=True),
                        ],
                        name="tokens",
                        nothing=_NO_TOKENS,
                        opens=False,
                    )
                with Panel("Slack", classes="slack"):
                    yield LineTable(
                        [Column("person", 12, grow=True), Column("workspace", 12, drop=1), Column("may", 26)],
                        name="slack",
                        nothing="nobody; l takes the code of /bursar link",
                        opens=False,
                    )

    def look(self) -> None:
        if self.console.who is not None:
            self.ask(questions.account(self.console.who), "account")

    @on(AccountSeen)
    def _account_seen(self, seen: AccountSeen) -> None:
        now = self.console.now()
        self._orgs = {org.name: org for org in seen.orgs}
        self._tokens = {token.id: token for token in seen.tokens or ()}
        self._asking = {f"asks {link.team_id}/{link.user_id}": link for link in seen.asking}
        if self.console.who is not None:
            self.query_one(".facts", Hanging).hang(_facts(self.console.who, now))
        self.query_one("#orgs", LineTable).show_rows([(org.name, _org_cells(org)) for org in seen.orgs])
        nothing = _NO_TOKENS if seen.tokens is not None else "a token does not show the others"
        tokens = [(token.id, _token_cells(token, now)) for token in self._tokens.values()]
        self.query_one("#tokens", LineTable).show_rows(tokens, nothing=nothing)
        self._sessions = {session.id: session for session in seen.sessions}
        self.query_one("#sessions", LineTable).show_rows([(s.id, _session_cells(s, now)) for s in seen.sessions])
        links = [(f"acts {link.workspace}/{link.user}", _link_cells(link, now)) for link in seen.links]
        asking = [(key, _asking_cells(link, now)) for key, link in self._asking.items()]
        self.query_one("#slack", LineTable).show_rows([*asking, *links])
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self.refresh_bindings()

    @on(LineTable.Chosen, "#orgs")
    def _org_chosen(self, event: LineTable.Chosen) -> None:
        """To work in that one from now on."""
        if not self._orgs[event.key].active:
            self.console.do([Command(actions.ORG_SWITCH.verb, {"name": (event.key,)})])

    def subjects(self, action: Action) -> Sequence[tuple[str, str]]:
        if action is actions.TOKEN_REVOKE:
            token = self._tokens.get(self.query_one("#tokens", LineTable).key or "")
            return [(token.id, token.name)] if token is not None and token.state == "open" else []
        if action is actions.SESSION_END:
            session = self._sessions.get(self.query_one("#sessions", LineTable).key or "")
            return [(session.id, session.face)] if session is not None else []
        link = self._asking.get(self.query_one("#slack", LineTable).key or "")
        return [(link.user_id, f"@{link.name}")] if link is not None else []

    def names(self) -> Names:
        return {
            "org": dict.fromkeys(self._orgs, ""),
            "token": {token.id: token.name for token in self._tokens.values()},
            "session": {session.id: session.face for session in self._sessions.values()},
        }


def _facts(who: AccountCard, now: int) -> list[Line]:
    roles = [*([who.role.value] if who.role else []), *(["operator"] if who.operator else [])]
    return [
        fact("name", who.name),
        fact("works in", who.org or "no organization"),
        fact("as", ", ".join(roles) or "guest"),
        fact("rights", "all of them" if who.scope == "full" else f"cut to {who.scope} by the token"),
        fact("since", f"{instant(who.created_at)} · {age(who.created_at, now)} ago"),
    ]


def _org_cells(org: OrgRow) -> Sequence[Cell]:
    tone = Tone.LOUD if org.active else Tone.PLAIN
    return Cell(org.name, tone), Cell(org.role.value if org.role else "–", Tone.DIM), _here(org)


def _here(org: OrgRow) -> Cell:
    return Cell("● here", Tone.GOOD) if org.active else Cell("")


def _session_cells(session: SessionCard, now: int) -> Sequence[Cell]:
    return (
        Cell(session.face),
        Cell(session.id, Tone.DIM),
        Cell(age(session.created_at, now), Tone.DIM),
        Cell(until(session.expires_at, now), Tone.DIM),
        Cell("● here", Tone.GOOD) if session.here else Cell(""),
    )


def _token_cells(token: TokenCard, now: int) -> Sequence[Cell]:
    sign, tone = _TOKENS.get(token.state, ("?", Tone.DIM))
    ends = until(token.expires_at, now) if token.state == "open" else ""
    return (
        Cell(token.name),
        Cell(token.id, Tone.DIM),
        Cell(token.scope, Tone.DIM),
        Cell(f"{sign} {token.state}", tone),
        Cell(ends, Tone.DIM),
    )


def _link_cells(link: LinkLine, now: int) -> Sequence[Cell]:
    return (
        Cell(f"@{link.name}"),
        Cell(link.workspace, Tone.DIM),
        Cell(f"● acts as you since {age(link.linked_at, now)}", Tone.GOOD),
    )


def _asking_cells(link: PendingLink, now: int) -> Sequence[Cell]:
    return (
        Cell(f"@{link.name}"),
        Cell(link.workspace, Tone.DIM),
        Cell(f"◷ asks to, ends {until(link.expires_at, now)}", Tone.WAIT),
    )
