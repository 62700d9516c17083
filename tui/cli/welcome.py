"""What `bursar` alone says: who you are here, and what could come next."""

from __future__ import annotations

from core.domain.roles import Role
from core.domain.text import safe_text
from core.views.people import AccountCard
from tui.cli.tables import card


def welcome(me: AccountCard | None) -> str:
    return f"{_who(me)}\n\n{card(_next_steps(me), 80)}"


def _who(me: AccountCard | None) -> str:
    if me is None:
        return "Bursar, a compute broker for a team. Nobody is logged in here."
    standing = ", an operator" if me.operator else ""
    if me.org is None:
        return f"You are {safe_text(me.name)}{standing}, in no organization."
    place = f"working as {me.role.value} of" if me.role else "working in"
    return f"You are {safe_text(me.name)}{standing}, {place} {safe_text(me.org)}."


def _next_steps(me: AccountCard | None) -> list[tuple[str, str]]:
    if me is None:
        steps = [
            ("bursar init --operator NAME", "begin a new installation"),
            ("bursar register NAME", "make an account"),
            ("bursar login NAME", "log in with one"),
        ]
    elif me.org is None:
        steps = [("bursar join CODE", "enter an organization by an invite's code")]
        if me.operator:
            steps.append(("bursar org create NAME", "make an organization"))
        if me.orgs:
            steps.append(("bursar org switch NAME", f"work in one of yours: {safe_text(', '.join(me.orgs))}"))
    else:
        steps = [("bursar org members", "who is here")]
        if me.role is Role.ADMIN:
            steps.append(("bursar invite create", "let people in"))
        if me.operator:
            steps.append(("bursar doctor", "see whether all is well"))
    return [*steps, ("bursar --help", "all verbs")]
