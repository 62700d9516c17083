"""Verbs of the Slack face: link an account, run the bot, and what the app needs to be installed."""

from __future__ import annotations

from core.commands.asking import asked, plain, report_requests
from core.commands.verbs import Argument, Asker, Bursar, Kind, Program, Question, Values, Verb
from core.domain.roles import Caller, Permission


def _who_asks(bursar: Bursar, caller: Caller, values: Values) -> Question:
    who = bursar.slack_links.asked(caller, asked(report_requests.LinkCode, values))
    place = f"{who.workspace} (Slack {who.team_id}/{who.user_id})"
    return Question(f"@{who.name} in {place} will act as you. Confirm only if that is you.", "yes")


VERBS: tuple[Verb, ...] = (
    Verb(
        ("slack", "link"),
        "let somebody in Slack act as you: type the code that they were shown",
        Permission.SLACK_LINK,
        lambda bursar, caller, values: bursar.slack_links.confirm(caller, asked(report_requests.LinkCode, values)),
        (Argument("code", "the code that /bursar link has shown you", positional=True, required=True),),
        question=_who_asks,
        terminal_only=True,
    ),
    Verb(
        ("slack", "pending"),
        "list who in Slack asks to act as you",
        Permission.SLACK_LINK,
        plain(lambda bursar: bursar.slack_links.pending),
        columns=("name", "workspace", "user_id", "asked_at", "expires_at"),
        nothing="nobody in Slack asks to act as you",
        more="Each was shown a code: `slack link CODE` lets them, `slack refuse USER` does not.",
    ),
    Verb(
        ("slack", "refuse"),
        "make the code worthless that somebody in Slack was shown",
        Permission.SLACK_LINK,
        lambda bursar, caller, values: bursar.slack_links.refuse(caller, values["user"]),
        (Argument("user", "their name in Slack or their id there", positional=True, required=True),),
    ),
    Verb(
        ("slack", "links"),
        "list who in Slack acts as you",
        Permission.SLACK_LINK,
        plain(lambda bursar: bursar.slack_links.list),
        nothing="nobody in Slack acts as you; /bursar link shows a code",
    ),
    Verb(
        ("slack", "unlink"),
        "let nobody in Slack act as you any more",
        Permission.SLACK_LINK,
        plain(lambda bursar: bursar.slack_links.unlink),
    ),
    Verb(
        ("slack", "manifest"),
        "print the manifest with which the app is made in Slack",
        Permission.BOT_RUN,
        Program("slack-manifest"),
        (Argument("url", "where Slack reaches the bot over HTTP; without it, Socket Mode", placeholder="URL"),),
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
    Verb(
        ("slack", "doctor"),
        "check the tokens, the scopes, the connection and what waits to be posted",
        Permission.BOT_RUN,
        Program("slack-doctor"),
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
    Verb(
        ("bot",),
        "serve Slack: answer, deliver, report",
        Permission.BOT_RUN,
        Program("bot"),
        (Argument("http", "serve signed HTTP on this port, not Socket Mode", Kind.COUNT, bounds=(1, 65_535)),),
        more="For who owns the installation's home; it asks for no login. SLACK_BOT_TOKEN and SLACK_APP_TOKEN"
        " (or SLACK_SIGNING_SECRET with --http) come from the environment or from files named *_FILE."
        " A bot serves the workspace of its token; a second workspace has a bot of its own, on the same store.",
        terminal_only=True,
        asker=Asker.NOBODY,
    ),
)
