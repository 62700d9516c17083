"""Whatever Slack delivers three times has one effect: for every listener there is, found by generation.

A verb, an action, a form or an event without a case here fails; so does a case that changes nothing where it should.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.ids import Action, Form
from bot.listeners.actions import WORK
from bot.listeners.commands import OWN
from bot.listeners.commands.refusals import WORDS
from bot.listeners.events import HEARD
from core.commands.table import VERBS
from core.domain.cluster_requests import NewNode
from core.domain.money_requests import FlavorRequest, GrantRequest
from core.domain.report_requests import NewSchedule
from core.domain.requests import NewToken
from core.domain.roles import TokenScope
from core.domain.validation import validated
from core.settings import Approvals
from core.store.repositories.accounts import accounts
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, CHANNEL, MEMBER, STRANGER, TEAM, Scene, said
from tests.builders import Dump, dump

TIMES = 3
CHANGES, LOOKS = True, False

# What is said to each verb, and whether that changes anything. In braces: what `prepared` has made.
LINES: dict[str, tuple[str, bool]] = {
    "whoami": ("whoami", LOOKS),
    "account disable": ("account disable ben", CHANGES),
    "account enable": ("account enable eve", CHANGES),
    "token list": ("token list", LOOKS),
    "token revoke": ("token revoke {token}", CHANGES),
    "org create": ("org create gamma", CHANGES),
    "org list": ("org list", LOOKS),
    "org switch": ("org switch vision", LOOKS),  # refused: the workspace says where one works
    "org show": ("org show", LOOKS),
    "org set": ("org set credits 5", CHANGES),
    "org members": ("org members", LOOKS),
    "org role": ("org role mia admin", CHANGES),
    "org remove": ("org remove ben", CHANGES),
    "org leave": ("org leave", CHANGES),
    "org delete": ("org delete", LOOKS),  # refused: work is alive in it
    "invite create": ("invite create", CHANGES),
    "invite list": ("invite list", LOOKS),
    "invite revoke": ("invite revoke {invite}", CHANGES),
    "invite rotate": ("invite rotate {invite}", CHANGES),
    "join": ("join {beta_code}", CHANGES),
    "cluster create": ("cluster create other driver scripted cpu 4 ram 4", CHANGES),
    "cluster discover": ("cluster discover driver scripted", LOOKS),
    "cluster add-node": ("cluster add-node spare n2 cpu 4 ram 4", CHANGES),
    "cluster set": ("cluster set spare default_hours=2", CHANGES),
    "cluster cordon": ("cluster cordon spare {node}", CHANGES),
    "cluster drain": ("cluster drain spare {node}", CHANGES),
    "cluster resume": ("cluster resume spare {idle_node}", CHANGES),
    "pause": ("pause spare", CHANGES),
    "unpause": ("unpause spare", CHANGES),
    "cluster share": ("cluster share spare org beta", CHANGES),
    "cluster list": ("cluster list", LOOKS),
    "cluster show": ("cluster show rack", LOOKS),
    "cluster delete": ("cluster delete spare", CHANGES),
    "submit": ("submit new image busybox cluster rack hours 1", CHANGES),
    "list": ("list", LOOKS),
    "show": ("show {queued}", LOOKS),
    "why": ("why {queued}", LOOKS),
    "queue": ("queue rack", LOOKS),
    "forecast": ("forecast rack", LOOKS),
    "logs": ("logs {queued}", LOOKS),
    "cancel": ("cancel {queued}", CHANGES),
    "stop": ("stop {queued}", CHANGES),
    "start": ("start {stopped}", CHANGES),
    "suspend": ("suspend {running}", CHANGES),
    "resume": ("resume {suspended}", CHANGES),
    "delete": ("delete {queued}", CHANGES),
    "undelete": ("undelete {deleted}", CHANGES),
    "extend": ("extend {queued} hours 1", CHANGES),
    "priority": ("priority {queued} 40", CHANGES),
    "approvals": ("approvals", LOOKS),
    "approve": ("approve {asked}", CHANGES),
    "reject": ("reject {asked} reason no", CHANGES),
    "complete": ("complete {stopped}", CHANGES),
    "wallet": ("wallet", LOOKS),
    "grant": ("grant mia credits 5", CHANGES),
    "transfer": ("transfer ben credits 5", CHANGES),
    "statement": ("statement", LOOKS),
    "posting": ("posting {posting}", LOOKS),
    "usage": ("usage", LOOKS),
    "verify-ledger": ("verify-ledger", LOOKS),
    "reverse": ("reverse {posting} reason mistaken", CHANGES),
    "limits show": ("limits show", LOOKS),
    "limits set": ("limits set gpus 4", CHANGES),
    "flavor list": ("flavor list", LOOKS),
    "flavor set": ("flavor set large price 5 cpu 2 ram 2", CHANGES),
    "flavor retire": ("flavor retire small", CHANGES),
    "rates": ("rates rack set gpu-hour=4", CHANGES),
    "report show": ("report show", LOOKS),
    "report schedule": (f"report schedule {CHANNEL} daily 10:00", CHANGES),
    "report list": ("report list", LOOKS),
    "report mute": ("report mute {schedule}", CHANGES),
    "report delete": ("report delete {schedule}", CHANGES),
    "report run": ("report run {schedule}", CHANGES),
    "slack pending": ("slack pending", LOOKS),
    "slack refuse": ("slack refuse U0ZOE", CHANGES),
    "slack links": ("slack links", LOOKS),
    "slack unlink": ("slack unlink", CHANGES),
    "audit": ("audit", LOOKS),
    "doctor": ("doctor", LOOKS),
    "health": ("health", LOOKS),
    "reconcile": ("reconcile", LOOKS),
    "cleanup": ("cleanup", LOOKS),
}
# What only Slack knows; verbs that it says differently are above as well.
OWN_LINES: dict[str, tuple[str, str, bool]] = {
    "": (ADMIN, "", LOOKS),
    "help": (ADMIN, "help", LOOKS),
    "register": (STRANGER, "register", CHANGES),
    "link": (STRANGER, "link", CHANGES),
    "unlink": (MEMBER, "unlink", CHANGES),
    "deploy": (MEMBER, "deploy busybox on rack hours 1", CHANGES),
    "submit": (MEMBER, "submit again image busybox cluster rack hours 1", CHANGES),
    "report": (ADMIN, "report here weekly mon 09:00", LOOKS),
    **{word: (MEMBER, word, LOOKS) for word in WORDS},
}
# Each button: who presses it, with what behind it, and whether that changes anything.
PRESSES: dict[Action, tuple[str, str, bool]] = {
    Action.APPROVE: (ADMIN, "{asked}", CHANGES),
    Action.REJECT: (ADMIN, "{asked}", LOOKS),
    Action.CHANGE: (ADMIN, "{asked}", LOOKS),
    Action.CANCEL: (MEMBER, "{queued}", CHANGES),
    Action.STOP: (MEMBER, "{queued}", CHANGES),
    Action.START: (MEMBER, "{stopped}", CHANGES),
    Action.RESUME: (MEMBER, "{suspended}", CHANGES),
    Action.EXTEND: (MEMBER, "{queued} 1", CHANGES),
    Action.GIVE: (ADMIN, "{queued} 3600s 3600s", CHANGES),
    Action.WHY: (MEMBER, "{queued}", LOOKS),
    Action.LOGS: (MEMBER, "{queued}", LOOKS),
    Action.SHOW: (MEMBER, "{queued}", LOOKS),
    Action.REPORT_RUN: (ADMIN, "{schedule}", CHANGES),
    Action.REPORT_MUTE: (ADMIN, "{schedule}", CHANGES),
    Action.JOIN: (MEMBER, "me", LOOKS),
    Action.SCHEDULE: (ADMIN, f"{TEAM}/{CHANNEL} daily 10:00", CHANGES),
    Action.POST_AGAIN: (ADMIN, "{unsure}", CHANGES),
    Action.UNLINK: (MEMBER, "me", CHANGES),
    Action.REGISTER: (STRANGER, "me", CHANGES),
    Action.LINK: (STRANGER, "me", CHANGES),
    Action.NEW_REQUEST: (MEMBER, "me", LOOKS),
    Action.AGAIN: (MEMBER, "{queued}", LOOKS),
    Action.CHECK: (MEMBER, "form", LOOKS),
    Action.CHANGED: (MEMBER, "2", LOOKS),
    Action.CONFIRM: (ADMIN, "org remove ben", CHANGES),
}
FORMS: dict[Form, tuple[str, dict[str, str], str]] = {
    Form.DEPLOY: (MEMBER, {"name": "web", "cluster": "rack", "image": "busybox", "hours": "1"}, ""),
    Form.APPROVE: (ADMIN, {"hours": "2"}, "{asked}"),
    Form.REJECT: (ADMIN, {"reason": "too large"}, "{asked}"),
    Form.JOIN: (MEMBER, {"code": "{beta_code}"}, ""),
}
NOT_SENT = {Form.DONE, Form.NEW_REQUEST}  # a view without a submission, and a shortcut
EVENTS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "app_home_opened": (MEMBER, {"tab": "home"}, LOOKS),
    "app_mention": (MEMBER, {"text": "<@U0BOT> cancel {queued}", "channel": CHANNEL, "ts": "5.5"}, CHANGES),
    "app_uninstalled": ("", {}, CHANGES),
    "tokens_revoked": ("", {"tokens": {"bot": ["U0BOT"]}}, CHANGES),
}
# A link is found out and offered anew at each asking; only its last code is good, so nothing is done twice by it.
OFFERED_ANEW = frozenset({"link", Action.LINK})


@dataclass(frozen=True)
class Prepared:
    scene: Scene
    names: dict[str, str]

    def filled(self, text: str) -> str:
        return text.format(**self.names)


@pytest.fixture(scope="module")
def ground(made: Scene, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Closed: only to be copied."""
    scene = made.copied(tmp_path_factory.mktemp("prepared") / "home")
    names = prepare(scene)
    scene.close()
    return Prepared(scene, names)


@pytest.fixture
def prepared(ground: Prepared, tmp_path: Path) -> Iterator[Prepared]:
    scene = ground.scene.copied(tmp_path / "home")
    yield Prepared(scene, dict(ground.names))
    scene.close()
    assert scene.bugs.found == []


def prepare(scene: Scene) -> dict[str, str]:
    """Something for each verb to act on: work in every state that matters, an invite, a token, a schedule."""
    world, bursar = scene.world, scene.world.bursar
    operator = world.log_in("olga")
    with world.units.serve() as unit:
        everything = update(accounts).where(accounts.c.id == scene.admin.account_id).values(operator=1)
        unit.connection.execute(everything)  # so that one person may say each of the verbs
    world.member(scene.admin, "ben", "admin")
    node = world.cluster(scene.admin, "spare").nodes[0].name
    added = validated(NewNode, cluster="spare", name="idle", cpu="4", ram="4")
    bursar.clusters.add_node(scene.admin, added)
    bursar.clusters.set_node_state(scene.admin, "spare", "idle", "cordoned")
    for who in (scene.admin, scene.member):
        world.fund(who, credits=500, gpu_hours=100)
    world.member(scene.admin, "eve")
    bursar.accounts.disable(operator, "eve")
    running, suspended, deleted = (world.submit(scene.member, name, gpu=0) for name in ("busy", "still", "gone"))
    daemon = bursar.daemon()
    assert daemon.once().leading
    daemon.close()
    bursar.deployments.suspend(scene.member, suspended.id)
    bursar.deployments.delete(scene.member, deleted.id)
    daemon = bursar.daemon()
    assert daemon.once().leading
    daemon.close()
    queued = world.submit(scene.member, "train", gpu=0)
    stopped = world.submit(scene.member, "old", gpu=0)
    bursar.deployments.stop(scene.member, stopped.id)
    settings = bursar.deployments._settings
    object.__setattr__(bursar.deployments, "_settings", replace(settings, approvals=Approvals(policy="always")))
    asked = world.submit(scene.member, "large", gpu=1)
    object.__setattr__(bursar.deployments, "_settings", settings)
    granted = bursar.credits.grant(scene.admin, validated(GrantRequest, user="ben", credits="50"))
    schedule = bursar.reports.schedule(
        scene.admin, validated(NewSchedule, channel=f"{TEAM}/{CHANNEL}", when="daily 09:00")
    )
    bursar.chat().offer_link(TEAM, STRANGER, "zoe", "acme", "ana")
    beta = world.org(operator, "beta")
    bursar.prices.set_flavor(scene.admin, validated(FlavorRequest, name="small", price="1", cpu="1", ram="1"))
    return {
        "node": node,
        "idle_node": "idle",
        "running": running.id,
        "suspended": suspended.id,
        "deleted": deleted.id,
        "queued": queued.id,
        "stopped": stopped.id,
        "asked": asked.id,
        "invite": world.invite(scene.admin).id,
        "beta_code": str(world.invite(beta).code),
        "token": bursar.accounts.create_token(scene.admin, NewToken(name="ci", scope=TokenScope.READ)).id,
        "posting": str(granted.number),
        "schedule": schedule.id,
    }


def effects(scene: Scene) -> Dump:
    """Every row; but for how often codes were tried, which counts each time that one comes."""
    return {name: rows for name, rows in dump(scene.world.store).items() if name != "throttles"}


async def thrice(
    prepared: Prepared, deliver: Callable[[], Awaitable[Any]], *, changes: bool, anew: bool = False
) -> Any:
    """What the first delivery answered. After it, the store stays as it is, to the last row."""
    scene = prepared.scene
    before = effects(scene)
    first = await deliver()
    once = effects(scene)
    assert (once != before) is changes, "one delivery does what it is for"
    posts = len(scene.slack.posts)
    for _ in range(TIMES - 1):
        await deliver()
    if not anew:
        assert effects(scene) == once, "and the others do nothing"
    assert len(scene.slack.posts) == posts
    return first


def test_every_listener_has_its_case() -> None:
    assert set(LINES) == {verb.name for verb in VERBS if not verb.terminal_only}
    assert set(OWN_LINES) == set(OWN)
    assert set(PRESSES) == set(WORK) == set(Action)
    assert set(FORMS) == set(Form) - NOT_SENT
    assert set(EVENTS) == set(HEARD)


@pytest.mark.parametrize("name", sorted(LINES))
async def test_E56_I_M1_a_verb(prepared: Prepared, name: str) -> None:
    scene, (line, changes) = prepared.scene, LINES[name]
    verb = next(one for one in VERBS if one.name == name)
    text = prepared.filled(line)
    if verb.question is None:
        answers = await thrice(prepared, lambda: scene.command(ADMIN, text, again="the-same"), changes=changes)
    else:
        (asked,) = await scene.command(ADMIN, text)
        button = asked["blocks"][-1]["elements"][0]
        body = scene.press_body(ADMIN, button["action_id"], button["value"])
        answers = await thrice(prepared, lambda: scene.interact(body), changes=changes)
    assert len(answers) == 1 and "bug" not in said(answers)


@pytest.mark.parametrize("word", sorted(OWN_LINES))
async def test_E56_I_M1_a_word_of_slack_itself(prepared: Prepared, word: str) -> None:
    user, line, changes = OWN_LINES[word]
    scene = prepared.scene
    await thrice(
        prepared,
        lambda: scene.command(user, line, again="the-same"),
        changes=changes,
        anew=word in OFFERED_ANEW,
    )


@pytest.mark.parametrize("action", sorted(PRESSES))
async def test_E56_I_M1_a_press(prepared: Prepared, action: Action) -> None:
    user, value, changes = PRESSES[action]
    scene = prepared.scene
    if action is Action.POST_AGAIN:
        prepared.names["unsure"] = await an_unsure_report(prepared)
    view = {"view": {"id": "V1", "hash": "h", "callback_id": Form.DEPLOY, "state": {"values": {}}}}
    body = scene.press_body(user, action, prepared.filled(value), **(view if action in OF_A_FORM else {}))
    await thrice(prepared, lambda: scene.interact(body), changes=changes, anew=action in OFFERED_ANEW)


OF_A_FORM = frozenset({Action.CHECK, Action.CHANGED})


async def an_unsure_report(prepared: Prepared) -> str:
    """The id of a delivery of which nobody knows whether it was posted."""
    deliveries = prepared.scene.world.bursar.deliveries()
    prepared.scene.world.bursar.reports.run(prepared.scene.admin, prepared.names["schedule"])
    parcel = next(one for one in deliveries.claim("dies", 50) if one.subject.startswith("rep-"))
    deliveries.unsure(parcel, "no answer")
    return parcel.id


@pytest.mark.parametrize("form", sorted(FORMS))
async def test_E56_I_M1_a_form(prepared: Prepared, form: Form) -> None:
    user, inputs, metadata = FORMS[form]
    scene = prepared.scene
    filled = {name: prepared.filled(value) for name, value in inputs.items()}
    body = scene.form_body(user, form, filled, prepared.filled(metadata))
    assert await thrice(prepared, lambda: scene.send_form(body), changes=CHANGES) == {}


async def test_E56_I_M1_the_shortcut(prepared: Prepared) -> None:
    scene = prepared.scene
    body = {
        "type": "shortcut",
        "callback_id": Form.NEW_REQUEST,
        "team": {"id": TEAM},
        "user": {"id": MEMBER, "username": "mia", "team_id": TEAM},
        "trigger_id": "trigger-1",
    }
    await thrice(prepared, lambda: scene.interact(body), changes=LOOKS)
    assert "New request" in everything_said(scene.slack.views[0])


@pytest.mark.parametrize("kind", sorted(EVENTS))
async def test_E56_I_M1_an_event(prepared: Prepared, kind: str) -> None:
    user, given, changes = EVENTS[kind]
    scene = prepared.scene
    filled = {name: prepared.filled(value) if isinstance(value, str) else value for name, value in given.items()}
    await thrice(prepared, lambda: scene.event(kind, user, event_id="Ev-the-same", **filled), changes=changes)


async def test_what_nobody_knows_is_acknowledged_and_changes_nothing(prepared: Prepared) -> None:
    scene = prepared.scene
    unknown = [
        lambda: scene.interact(scene.press_body(MEMBER, "a_button_of_long_ago", "x")),
        lambda: scene.send_form(scene.form_body(MEMBER, "a_form_of_long_ago", {"x": "y"})),
        lambda: scene.event("reaction_added", MEMBER),
        lambda: scene.interact({**scene.form_body(MEMBER, "deploy", {}), "type": "view_closed"}),
    ]
    for deliver in unknown:
        await thrice(prepared, deliver, changes=LOOKS)
