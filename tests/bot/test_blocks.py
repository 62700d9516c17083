"""Blocks: golden for what people see most, within Slack's limits for anything, and literal for whatever people type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.blocks import answers, approval, deployment, forms, home, notice, parts, report
from bot.blocks import help as pages
from bot.errors import bug, told
from bot.markup import code, literal, moment_utc, safe_slack
from bot.outcomes import Fate, outcome_of
from core.commands.table import FAMILIES, VERBS
from core.domain.chat import FundsLevel
from core.domain.errors import Invalid
from core.domain.kinds import Kind
from core.domain.lifecycle import FINAL, State
from core.domain.resources import Resources
from core.domain.roles import Role
from core.domain.schedule import read_when
from core.views.chat import HoursAsked, LinkLine, PendingLink, UnsureLine, Visitor
from core.views.foresight import BarLine, BlockerLine, ForecastCard, QueueLine, WhyCard
from core.views.money import (
    CreditsBook,
    EntryLine,
    GpuTimeBook,
    PostingCard,
    PostingLine,
    StatementCard,
    Sum,
    UsageCard,
    UsageLine,
    WalletCard,
)
from core.views.operations import Page
from core.views.people import Done, InviteCard, MemberRow, OrgCard
from core.views.reports import DayUse, DeploymentUse, ReportCard, ScheduleLine, Waits
from core.views.reports import answers as answers_of
from core.views.work import ClusterLine, DeploymentCard, DeploymentLine, LogText
from tests.bot.fake_slack import FakeSlack
from tests.bot.rules import check_message, check_view, everything_said, obeyed

AT = 1_767_225_600_000_000
HOSTILE = [
    "<!channel>",
    "<@U1>",
    "<https://evil.example|your bank>",
    "@here",
    "`code` *bold* _thin_ ~gone~",
    "```\n<!everyone>\n```",
    "&lt;!channel&gt; & <",
    "<!date^0^{date}|x>",
    "\u202eabc\u200b\x1b[31m",
    "a" * 5000,
    "&" * 3000,
    "😀" * 2000,
    "",
    " ",
]


def a_card(text: str = "train", state: State = State.RUNNING, **fields: Any) -> DeploymentCard:
    made = DeploymentCard(
        id="dep-7k3f9q",
        name=text,
        org=text,
        owner=text,
        kind=Kind.JOB,
        state=state,
        cluster=text,
        node=text,
        image=text,
        command=(text,),
        flavor=None,
        cpu_milli=2000,
        ram_mib=20480,
        gpu_milli=1000,
        gpu_model=text,
        gpu_devices=(text,),
        disk_mib=0,
        replicas=2,
        priority=50,
        hours_ms=3_600_000,
        labels={text: text},
        env={text: text},
        public_ip=None,
        created_at=AT,
        updated_at=AT,
        started_at=AT,
        ended_at=None,
        exit_code=None,
        reason=text,
        position=None,
        estimate=None,
        rate=Sum(5_000_000, 3_600_000),
        cost=Sum(2_500_000, 1_800_000),
        held=Sum(2_500_000, 1_800_000),
    )
    return replace(made, **fields)


def plain_card(**fields: Any) -> DeploymentCard:
    """Of what the form of a request has an input for each of."""
    return a_card(**{"labels": {}, "env": {}, "gpu_model": None, "replicas": 1, **fields})


def a_report(text: str = "vision", days: int = 7) -> ReportCard:
    return ReportCard(
        org=text,
        zone="UTC",
        since=AT,
        until=AT + days * 86_400_000_000,
        first_day="2026-01-01",
        last_day="2026-01-07",
        total=Sum(12_000_000, 151 * 3_600_000),
        before=Sum(10_000_000, 135 * 3_600_000),
        left=Sum(100_000_000, 246 * 3_600_000),
        lasts_until_day="2026-01-18",
        waits=Waits(12, 90_000, 3_600_000),
        unposted_runs=1,
        users=tuple(UsageLine(text, 1_000_000, 3_600_000, 2) for _ in range(9)),
        deployments=tuple(DeploymentUse("dep-7k3f9q", text, text, 1_000_000, 3_600_000, 2) for _ in range(9)),
        days=tuple(DayUse(f"2026-01-{1 + day % 28:02}", day * 1_000, day * 3_600_000) for day in range(days)),
    )


def a_line(text: str) -> DeploymentLine:
    return DeploymentLine("dep-7k3f9q", text, text, Kind.JOB, State.QUEUED, text, 1000, 1024, 500, 50, AT, None, text)


def a_wallet(text: str) -> WalletCard:
    return WalletCard(text, text, CreditsBook(1, 2, 3, 4, AT), GpuTimeBook(1, 2, 3, 4, None), 5)


VISITOR = Visitor("T0ACME", "U0ANA", object(), "ana", "vision", True, True)  # type: ignore[arg-type]


def messages_of(text: str) -> list[parts.Message]:
    """Every message that shows what a person typed."""
    blocker = BlockerLine("x", text, text, text, (text,), AT, text)
    facts = {"by": text, "reason": text, "ends_at": AT, "state": "failed", "account": text, "channel": text}
    listing = next(verb for verb in VERBS if verb.name == "list")
    show = next(verb for verb in VERBS if verb.name == "org show")
    approvals = next(verb for verb in VERBS if verb.name == "approvals")
    join = next(verb for verb in VERBS if verb.name == "join")
    posted = PostingLine(text, "posted", -5_000_000, 3_600_000)
    return [
        *(deployment.card(a_card(text, state)) for state in State),
        approval.approval(a_card(text, State.AWAITING_APPROVAL)),
        approval.approval(a_card(text, State.REJECTED), (text, text, AT)),
        *(say(a_card(text), facts) for say in notice.OF_DEPLOYMENT.values()),
        notice.ended(a_card(text, State.FAILED), facts, Sum(1, 1)),
        notice.linked(facts),
        notice.removed({**facts, "org": text}),
        notice.out_of_reach(),
        *(notice.more({"of": of, "most": 20}) for of in ("card", "approval")),
        notice.unsure({**facts, "delivery": "d1"}),
        *(notice.report_failed({**facts, "schedule": "rep-1", "paused": paused}) for paused in (True, False)),
        notice.given({**facts, "credits_ucr": 5_000_000, "gpu_ms": 0}),
        *(notice.funds({"level": level, "whose": text, "credits": True, "used": 8, "left": 2}) for level in FundsLevel),
        report.report(a_report(text), ((text, None), ("late:", AT))),
        report.preview(a_report(text), "T0ACME/C0TEAM", read_when("weekly", "Europe/Berlin"), AT),
        told(Invalid("x", text, f"{text}\n{text}\n  ^^^")),
        bug("KeyError", "x/1"),
        answers.answered(listing, Page(tuple(a_line(text) for _ in range(90)), "more")),
        answers.answered(show, a_wallet(text)),
        answers.answered(show, Done(text or "x")),
        answers.answered(show, WhyCard("dep-7k3f9q", text, State.QUEUED, 1, True, AT, 1, (blocker,) * 60)),
        answers.answered(show, LogText("dep-7k3f9q", text, "0", True)),
        answers.answered(show, a_line(text)),
        answers.answered(listing, Page(())),
        answers.answered(approvals, Page(tuple(a_line(text) for _ in range(60)))),
        *(answers.answered(listing, Page((row,) * 60)) for row in rows_of(text)),
        answers.answered(show, InviteCard("inv-1", Role.MEMBER, 2, 0, "open", None, None, AT, AT, "hWttEMELgf")),
        answers.answered(show, PostingCard(6, text, "grant", AT, text, None, text, None, (posted,) * 3)),
        answers.answered(show, StatementCard(text, text, None, None, Sum(1, 1), Sum(2, 2), (an_entry(text),) * 60)),
        answers.answered(show, ScheduleLine("rep-1", text, text, "muted", None, (), text)),
        answers.answered(
            show, ForecastCard(text, 1, AT, AT, 9, 80, (BarLine(None, text, text, 1, AT, AT, True),) * 60)
        ),
        answers.answered(show, ForecastCard(text, 1, AT, AT, 0, None, ())),
        answers.answered(join, OrgCard(text, Role.MEMBER, True, 3, "UTC", 1, 1, AT)),
        pages.begin(text),
        pages.join(text or "x", text),
    ]


def an_entry(text: str) -> EntryLine:
    return EntryLine(3, AT, "charge", -1_000_000, -3_600_000, 5, 5, text, text, text)


def rows_of(text: str) -> list[Any]:
    """A line of each list that has words of its own."""
    size = Resources(8000, 4096, 4000)
    return [
        ClusterLine("clu-1", text or "x", text, text, "up", 1, size, size, size),
        QueueLine(2, "dep-7k3f9q", text, text, 50, 500, AT, text, AT, None),
        QueueLine(1, None, None, None, None, None, AT, "", None, None),
        QueueLine(3, None, None, None, None, None, AT, "", None, None, not_before_at=AT),
        MemberRow(text, Role.ADMIN, AT),
        InviteCard("inv-1", Role.MEMBER, 2, 1, "open", None, None, AT, AT),
        an_entry(text),
        ScheduleLine("rep-1", text, "weekly mon 09:00 UTC", "on", AT, (), text),
        LinkLine(text, "U1", text, AT),
        BarLine("dep-1", text, text, 500, AT, AT, True),
        BarLine(None, None, text, 0, AT, None, False),
        PendingLink(text, text, "U1", "T1", AT, AT),
    ]


def views_of(text: str) -> list[dict[str, Any]]:
    cluster = ClusterLine("clu-1", text or "x", text, text, "up", 1, *(Resources(1000, 1024, 1000),) * 3)
    lines = tuple(a_line(text) for _ in range(40))
    unsure = (UnsureLine("d1", text, AT),) * 9
    hours = (HoursAsked("dep-7k3f9q", text, text, 3_600_000, 3_600_000),) * 20
    full = home.HomeView(VISITOR, lines, lines, lines[:3], a_wallet(text), hours, unsure, (cluster,) * 20)
    return [
        forms.deploy_form([cluster] * 150, literal(text), {"name": text, "command": text}),
        forms.no_clusters(),
        forms.reject_form(a_card(text, State.AWAITING_APPROVAL)),
        forms.approve_form(a_card(text, State.AWAITING_APPROVAL)),
        forms.join_form(),
        forms.done_form("New request", deployment.asked_words(a_card(text, State.AWAITING_APPROVAL))),
        home.home_tab(full),
        home.home_tab(home.HomeView(replace(VISITOR, caller=None))),
        home.home_tab(home.HomeView(replace(VISITOR, belongs=False))),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_B37_whatever_people_type_is_shown_literally_and_fits(text: str) -> None:
    for message in messages_of(text):
        check_message(message.text, list(message.blocks))
        assert obeyed(message.text) == [] and obeyed(everything_said(message.blocks)) == []
    for view in views_of(text):
        check_view(view)
        assert obeyed(everything_said(view["blocks"])) == []


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_B37_nothing_that_is_made_safe_is_obeyed(text: str) -> None:
    for shown in (safe_slack(text), literal(text), code(text)):
        assert "<" not in shown and ">" not in shown
        assert "\u202e" not in shown and "\x1b" not in shown
    assert "`" not in safe_slack(text) and "`" not in code(text)[3:-3]


@given(st.text(alphabet="a&<>", max_size=60), st.integers(6, 40))
@settings(max_examples=100, deadline=None)
def test_a_text_is_cut_to_its_length_and_no_entity_is_split(text: str, limit: int) -> None:
    shown = safe_slack(text, limit)
    assert len(shown) <= limit
    rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in rest


def test_the_card_of_a_running_job_is_golden() -> None:
    card = a_card(reason=None, gpu_model="a100", image="train:v2", org="vision", owner="mia", cluster="rack", node="n1")
    message = deployment.card(card)
    assert message.text == "train (dep-7k3f9q) on rack: running, 2 × 2 CPU, 20 GiB, 1 GPU a100"
    assert message.blocks[0]["text"]["text"] == "*train* · ▶ running"
    facts = {field["text"].split("\n")[0]: field["text"].split("\n")[1] for field in message.blocks[1]["fields"]}
    assert facts == {
        "*what*": "job of at most 1 h on rack / n1",
        "*size*": "2 × 2 CPU, 20 GiB, 1 GPU a100",
        "*image*": "train:v2",
        "*started*": "<!date^1767225600^{date_short_pretty} {time}|2026-01-01 00:00 UTC>",
        "*ends at the latest*": "<!date^1767229200^{date_short_pretty} {time}|2026-01-01 01:00 UTC>",
        "*costs an hour*": "5 credits, 1 GPU-hour",
        "*cost so far*": "2.5 credits, 0.5 GPU-hours",
        "*set aside*": "2.5 credits, 0.5 GPU-hours",
    }
    pressed = [(one["text"]["text"], one["action_id"], one["value"]) for one in message.blocks[2]["elements"]]
    assert pressed == [
        ("Logs", "logs", "dep-7k3f9q"),
        ("Extend by 1 h · 5 credits", "extend", "dep-7k3f9q 1"),
        ("Stop", "stop", "dep-7k3f9q"),
        ("Cancel", "cancel", "dep-7k3f9q"),
    ]
    assert [one["text"]["text"] for one in message.blocks[2]["elements"] if "confirm" in one] == ["Stop", "Cancel"]


def test_a_card_of_what_is_suspended_says_what_an_hour_costs_as_it_stands() -> None:
    still = plain_card(state=State.SUSPENDED, pays_now=Sum(3_750_000, 2_700_000))
    told = dict(deployment.facts(still))
    assert told["costs an hour"].startswith("3.75 credits")


@pytest.mark.parametrize("state", State)
def test_a_card_has_only_the_buttons_that_its_state_allows(state: State) -> None:
    blocks = deployment.card(plain_card(state=state)).blocks
    found = {one["action_id"] for block in blocks if block["type"] == "actions" for one in block["elements"]}
    expected = {
        State.AWAITING_APPROVAL: {"why", "cancel"},
        State.QUEUED: {"why", "cancel"},
        State.STARTING: {"logs", "extend", "stop", "cancel"},
        State.RUNNING: {"logs", "extend", "stop", "cancel"},
        State.SUSPENDED: {"resume", "logs", "extend", "stop", "cancel"},
        State.STOPPING: {"cancel"},
        State.STOPPED: {"start", "cancel"},
    }
    over = {"ask_again"} if state in FINAL and state is not State.DELETED else set()
    assert found == expected.get(state, over)


def test_a_report_answers_in_its_first_sentence() -> None:
    message = report.report(a_report())
    assert message.text == (
        "vision: 1–7 Jan: 151 GPU-hours and 12 credits used (+12 %), 1 % of it by vision;"
        " 246 GPU-hours left, which lasts until about 18 Jan;"
        " 12 started: half waited at most 1.5 m, 95 % at most 1 h"
    )
    shown = everything_said(message.blocks)
    assert message.blocks[1]["text"]["text"].splitlines() == list(answers_of(a_report())), "each in a line of its own"
    assert "and 4 more" in shown and "1 run is not yet metered" in shown
    assert "*the week before*\n135 GPU-hours, 10 credits" in shown
    assert "Thu ·  Fri ▂  Sat ▃  Sun ▄  Mon ▆  Tue ▇  Wed █" in shown


def a_blocker(code: str, need: str | None, have: str | None, held_by: tuple[str, ...] = ()) -> BlockerLine:
    return BlockerLine(code, f"because of {code}", need, have, held_by, AT, None)


@pytest.mark.parametrize(
    ("blocker", "said"),
    [
        (a_blocker("capacity", "2 GPU", "1 GPU", ("dep-1",)), "capacity: needs 2 GPU, 1 GPU there; held by dep-1;"),
        (
            a_blocker("ahead", "0 deployments", "1 deployment", ("dep-2",)),
            "1 deployment to start before it; the first:",
        ),
        (a_blocker("preempting", "0 deployments", "2 deployments"), "2 deployments still to leave; changes <!date"),
    ],
)
def test_why_says_what_is_missing_who_holds_it_and_when_that_changes(blocker: BlockerLine, said: str) -> None:
    card = WhyCard("dep-7k3f9q", "train", State.AWAITING_APPROVAL, 2, True, AT, 1, (blocker,))
    message = answers.answered(next(verb for verb in VERBS if verb.name == "why"), card)
    shown = everything_said(message.blocks)
    assert said in shown and "needs 0" not in shown and "promised to start by" in shown
    assert message.text.startswith("train is awaiting approval, number 2 in its queue; it starts next: because of")


def test_a_balance_says_what_burns_in_both_books_and_when_the_first_of_them_ends() -> None:
    books = CreditsBook(9_000_000, 0, 9_000_000, 2_570_000, None), GpuTimeBook(9, 0, 9, 1_800_000, AT)
    message = answers.answered(next(verb for verb in VERBS if verb.name == "wallet"), WalletCard("mia", "v", *books, 5))
    assert "2.57 credits, 0.5 GPU-hours" in everything_said(message.blocks)
    assert f"run out at {moment_utc(AT)}" in message.text


def test_the_use_of_many_is_told_in_part_and_says_how_much_is_left_out() -> None:
    lines = tuple(UsageLine(f"person-{number}", 1_000_000, 0, 1) for number in range(200))
    card = UsageCard(AT, AT, "user", Sum(200_000_000, 0), lines)
    message = answers.answered(next(verb for verb in VERBS if verb.name == "usage"), card)
    check_message(message.text, list(message.blocks))
    shown = everything_said(message.blocks)
    assert "person-39" in shown and "person-40*" not in shown and "160 more" in shown


@pytest.mark.parametrize(
    ("count", "said"), [(0, "nothing waits for you"), (1, "1 waits for you"), (2, "2 wait for you")]
)
def test_the_home_tab_counts_what_waits(count: int, said: str) -> None:
    view = home.HomeView(VISITOR, tuple(a_line("x") for _ in range(count)), wallet=a_wallet("x"))
    assert said in everything_said(home.home_tab(view)["blocks"])


def test_help_names_every_verb_that_can_be_said_here() -> None:
    shown = everything_said(pages.overview(FAMILIES).blocks)
    assert all(f"`{verb.name}`" in shown for verb in VERBS)
    for verb in VERBS:
        message = pages.of_verb(verb)
        check_message(message.text, list(message.blocks))


@pytest.mark.parametrize(
    ("error", "status", "repeatable", "fate"),
    [
        ("ratelimited", 429, False, Fate.LATER),
        ("service_unavailable", 503, False, Fate.LATER),
        ("internal_error", 500, False, Fate.UNSURE),
        ("internal_error", 500, True, Fate.LATER),
        ("fatal_error", 200, False, Fate.UNSURE),
        ("channel_not_found", 200, False, Fate.NEVER),
        ("invalid_blocks", 200, True, Fate.NEVER),
    ],
)
def test_what_an_error_means_for_a_message(error: str, status: int, repeatable: bool, fate: Fate) -> None:
    refused = FakeSlack().refusal(error, status, {"retry-after": "7"} if status == 429 else {})
    outcome = outcome_of(refused, 1, repeatable=repeatable)
    assert outcome.fate is fate
    if status == 429:
        assert outcome.wait_us == 7_000_000
