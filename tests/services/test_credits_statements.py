"""What the ledger tells of work that ran on the simulator: live balances, statements, use by heading, verdicts."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from core.clock import DAY, HOUR, MINUTE
from core.domain.errors import Exhausted, Invalid
from core.domain.money_requests import GrantRequest, PeriodRequest, ReverseRequest, TransferRequest, UseRequest
from core.domain.periods import iso
from core.domain.quota import UseHeading
from core.domain.roles import Caller
from core.domain.validation import validated
from core.ledger import checks
from core.ledger.amounts import Amounts
from core.store.queries import ledger_checks
from core.views import csv_text
from core.views.money import StatementCard, Sum, UsageCard
from core.views.operations import Verdict
from tests.builders import World
from tests.services.conftest import Team

GPU_JOB_UCR = 5_060_000  # of an hour: one GPU, one CPU, one GiB at the default prices


def statement(team: Team, who: Caller, user: str | None = None, **period: str) -> StatementCard:
    return team.world.bursar.statements.of_wallet(who, validated(PeriodRequest, **period), user)


def usage(team: Team, who: Caller, **asked: Any) -> UsageCard:
    return team.world.bursar.statements.usage(who, validated(UseRequest, **asked))


def lines(card: UsageCard) -> dict[str, tuple[int, int]]:
    return {line.what: (line.credits_ucr, line.gpu_ms) for line in card.items}


def play(world: World, microseconds: int, *, step: int = 30 * MINUTE) -> None:
    """Time passes in steps, and the daemon does at each what is to be done."""
    for _ in range(microseconds // step):
        world.advance(step)
        assert world.bursar.daemon().once().troubles == ()


def play_three_hours(team: Team) -> Team:
    """A job of mia's that ran for an hour of its two, and a service of ana's that has run for three."""
    world = team.world
    world.cluster(team.admin, "rack", gpu=4, gpu_model="h100")
    world.cluster(team.admin, "closet", cpu=16, ram=64, gpu=0, gpu_model=None)
    world.submit(team.member, "train", gpu=2, hours=2, labels={"sim.duration": "1h"})
    world.submit(team.admin, "web", "closet", gpu=0, hours=None)
    world.bursar.daemon().once()
    play(world, 3 * HOUR)
    return team


@pytest.fixture
def played(small_team: Team) -> Team:
    return play_three_hours(small_team)


@pytest.fixture
def played_anywhere(team: Team) -> Team:
    return play_three_hours(team)


def job_id(team: Team) -> str:
    (job,) = (line for line in team.world.bursar.deployments.list(team.admin).items if line.name == "train")
    return job.id


def test_a_live_balance_counts_what_runs_and_is_not_posted_yet(small_team: Team) -> None:
    world, mia = small_team.world, small_team.member
    world.cluster(small_team.admin)
    world.submit(mia, "web", hours=None)
    world.bursar.daemon().once()
    world.advance(30 * MINUTE)
    card = world.bursar.credits.wallet(mia)
    assert card.credits.balance_ucr == 100_000_000 - GPU_JOB_UCR // 2
    assert card.credits.available_ucr == card.credits.balance_ucr
    assert (card.credits.burn_per_hour_ucr, card.gpu_hours.burn_per_hour_gpu_ms) == (GPU_JOB_UCR, 3_600_000)
    assert card.gpu_hours.balance_gpu_ms == 9.5 * 3_600_000
    assert card.gpu_hours.runs_out_at == world.clock.now() + 9 * HOUR + 30 * MINUTE
    assert card.runway_ms == 9.5 * 3_600_000
    with pytest.raises(Exhausted, match=r"9\.5 left"):
        world.bursar.credits.transfer(mia, TransferRequest(user="ana", gpu_hours="9.6"))


def test_a_job_uses_up_its_hold_and_leaves_what_is_available_alone(small_team: Team) -> None:
    world, mia = small_team.world, small_team.member
    world.cluster(small_team.admin)
    world.submit(mia, "train", hours=4)
    world.bursar.daemon().once()
    before = world.bursar.credits.wallet(mia)
    world.advance(HOUR)
    after = world.bursar.credits.wallet(mia)
    assert after.gpu_hours.available_gpu_ms == before.gpu_hours.available_gpu_ms == 6 * 3_600_000
    assert after.gpu_hours.held_gpu_ms == 3 * 3_600_000
    assert after.gpu_hours.balance_gpu_ms == 9 * 3_600_000
    assert after.gpu_hours.runs_out_at is None, "the job ends before"


def test_a_statement_goes_from_what_was_there_to_what_is_there(played: Team) -> None:
    card = statement(played, played.member)
    assert card.opening == Sum()
    assert card.closing == Sum(100_000_000 - 2 * 5_000_000 - 60_000, 8 * 3_600_000)
    assert [line.kind for line in card.items] == ["allowance", "hold", "settle", "release"]
    for book in ("credits_ucr", "gpu_ms"):
        total = getattr(card.opening, book) + sum(getattr(line, book) for line in card.items)
        assert total == getattr(card.closing, book)
    assert sum(line.held_gpu_ms for line in card.items) == 0
    (charged,) = [line for line in card.items if line.kind == "settle"]
    assert charged.deployment == job_id(played)
    opened = played.world.bursar.statements.posting(played.member, charged.number)
    assert sum(line.credits_ucr for line in opened.items if line.account == "wallet mia") == 0, "held and paid"
    assert opened.deployment == charged.deployment


def test_a_period_is_half_open_and_two_that_touch_lose_and_double_nothing(played: Team) -> None:
    whole = statement(played, played.member)
    charged = next(line for line in whole.items if line.kind == "settle")
    cut = iso(charged.at + 1_000_000 - charged.at % 1_000_000)
    before, after = statement(played, played.member, to=cut), statement(played, played.member, **{"from": cut})
    assert before.closing == after.opening
    assert [*before.items, *after.items] == list(whole.items)
    assert after.closing == whole.closing


def test_I_L16_use_told_apart_by_anything_is_the_ledgers_for_the_same_period(played_anywhere: Team) -> None:
    team, world = played_anywhere, played_anywhere.world
    world.advance(DAY)
    world.bursar.daemon().once()
    ana = world.log_in("ana", org="vision")
    with world.units.read(ana) as unit:
        postings = list(unit.book.walk())
        org = unit.org_id
    instants = sorted({posting.at for posting in postings})
    for until in [iso(instants[len(instants) // 2]), iso(instants[-1]), None]:
        for heading in UseHeading:
            card = usage(team, ana, by=heading.value, **({} if until is None else {"to": until}))
            told = Amounts(card.total.credits_ucr, card.total.gpu_ms)
            end = 2**62 if card.until is None else card.until
            assert checks.report_equals_ledger(told, postings, org, 0, end) == []
    web_ucr = card.total.credits_ucr - 10_060_000
    assert web_ucr > 0
    assert lines(usage(team, ana)) == {"mia": (10_060_000, 2 * 3_600_000), "ana": (web_ucr, 0)}
    assert lines(usage(team, ana, by="cluster")) == {"rack": (10_060_000, 2 * 3_600_000), "closet": (web_ucr, 0)}
    assert lines(usage(team, ana, by="deployment"))[job_id(replace(team, admin=ana))] == (10_060_000, 2 * 3_600_000)
    assert lines(usage(team, ana, by="gpu-model")) == {"h100": (10_060_000, 2 * 3_600_000), "no GPU": (web_ucr, 0)}
    paid = statement(team, ana)
    assert paid.closing == Sum(100_000_000 - web_ucr, 10 * 3_600_000), "and her statement ends in what it left"
    assert statement(team, ana, **{"from": iso(world.clock.now() - HOUR)}).opening == paid.closing
    assert world.bursar.statements.verify(ana).holds
    with world.store.read() as connection:
        found = ledger_checks.run(connection, world.clock.now())
    assert [finding for finding in found if finding.verdict is not Verdict.OK] == [], "the doctor has nothing to say"


def test_members_see_their_own_use_alone(played: Team) -> None:
    assert lines(usage(played, played.member)) == {"mia": (10_060_000, 2 * 3_600_000)}
    assert usage(played, played.member).total == usage(played, played.admin).total, "ana's has not been posted yet"
    outsider = played.world.member(played.admin, "noa")
    assert usage(played, outsider).items == ()


def test_a_reversed_charge_is_no_use_any_more(played: Team) -> None:
    charged = next(line for line in statement(played, played.member).items if line.kind == "settle")
    reverse = played.world.bursar.credits.reverse
    reverse(played.admin, ReverseRequest(number=charged.number, reason="the node was broken"))
    assert lines(usage(played, played.member)) == {"mia": (0, 0)}
    verdict = played.world.bursar.statements.verify(played.admin)
    assert verdict.holds, verdict.findings


def test_the_ledger_can_be_verified_as_of_any_instant(played: Team) -> None:
    verify = played.world.bursar.statements.verify
    now = verify(played.admin)
    assert now.holds, now.findings
    assert sum(line.credits_ucr for line in now.items) == sum(line.gpu_ms for line in now.items) == 0
    begun = verify(played.admin, iso(played.world.clock.now() - 3 * HOUR + 1_000_000))
    assert begun.holds
    assert begun.postings < now.postings
    mia = {line.account: line for line in begun.items}["wallet mia"]
    assert (mia.credits_ucr, mia.held_gpu_ms) == (100_000_000, 4 * 3_600_000)


def test_a_tampered_entry_is_found(small_team: Team) -> None:
    world = small_team.world
    with world.store.write() as connection:
        connection.execute(text("DROP TRIGGER entries_no_update"))
        connection.execute(
            text("UPDATE entries SET amount = amount * 2 WHERE seq = (SELECT MIN(seq) FROM entries) AND line < 2")
        )
    verdict = world.bursar.statements.verify(small_team.admin)
    assert not verdict.holds
    found = " ".join(verdict.findings)
    assert "I-L10 treasury:" in found, "the fingerprint says what it was"
    assert "I-L3 treasury" in found, "and the kept balance is another"


PERIODS = [
    ("it ends before it begins", {"from": "2025-12-02", "to": "2025-12-01"}, "period_backwards"),
    ("it is empty", {"from": "2025-12-01", "to": "2025-12-01"}, "period_backwards"),
    ("it has not come", {"from": "2030-01-01"}, "period_in_future"),
    ("it ends in the future", {"to": "2030-01-01"}, "period_in_future"),
    ("it lasts a century", {"from": "1970-01-01", "to": "2025-01-01"}, "period_too_long"),
    ("the day does not exist", {"from": "2025-02-30"}, "instant_impossible"),
    ("it is a word", {"to": "yesterday"}, "instant_malformed"),
]


@pytest.mark.parametrize(("period", "code"), [pytest.param(p, code, id=name) for name, p, code in PERIODS])
def test_B42_a_period_that_cannot_be_is_refused_by_name(small_team: Team, period: dict[str, str], code: str) -> None:
    for ask in (
        lambda: statement(small_team, small_team.member, **period),
        lambda: usage(small_team, small_team.admin, **period),
    ):
        with pytest.raises(Invalid) as refused:
            ask()
        assert refused.value.code == code


def test_days_are_those_of_the_organizations_time_zone(small_team: Team) -> None:
    world = small_team.world
    with world.store.write() as connection:
        connection.execute(text("UPDATE orgs SET time_zone = 'Asia/Tokyo'"))
    # Midnight in Tokyo is 15:00 of the day before in UTC; the clock stands at the first midnight of 2026 in UTC.
    card = statement(small_team, small_team.member, **{"from": "2026-01-01"})
    assert iso(card.since or 0) == "2025-12-31T15:00:00Z"
    assert len(card.items) == 1


def test_B43_a_statement_as_csv_runs_nothing_and_keeps_numbers(small_team: Team) -> None:
    grant = small_team.world.bursar.credits.grant
    reasons = ['=HYPERLINK("http://evil")', "+1", "-1", "@x", 'says "hi", twice', "two\nlines"]
    for reason in reasons:
        grant(small_team.admin, GrantRequest(user="mia", credits="0.000001", gpu_hours="0.5", reason=reason))
    text_ = csv_text.of_statement(statement(small_team, small_team.member)).csv
    assert text_.count("\r\n") == len(reasons) + 2, "a line for the head and each posting; ends as RFC 4180 says"
    head, allowance, *rows = list(csv.reader(io.StringIO(text_, newline="")))
    cells = [dict(zip(head, row, strict=True)) for row in rows]
    assert [cell["reason"] for cell in cells] == [f"'{r}" if r[0] in "=+-@" else r for r in reasons]
    assert {(cell["credits"], cell["gpu_hours"], cell["held_credits"]) for cell in cells} == {("0.000001", "0.5", "0")}
    assert dict(zip(head, allowance, strict=True))["credits"] == "100"
    transfer = small_team.world.bursar.credits.transfer
    transfer(small_team.member, TransferRequest(user="ana", credits="2"))
    last = list(csv.reader(io.StringIO(csv_text.of_statement(statement(small_team, small_team.member)).csv)))[-1]
    assert last[head.index("credits")] == "-2", "a negative amount is a number, not a formula"


def test_the_operator_reads_an_organization_in_which_they_are_no_member(small_team: Team) -> None:
    olga = replace(small_team.operator, org="vision")
    assert statement(small_team, olga).items != (), "she was its founder, and her wallet's history stays"
    assert statement(small_team, olga, "mia").closing.credits_ucr == 100_000_000
    assert small_team.world.bursar.statements.of_treasury(olga, PeriodRequest()).owner == "treasury"
