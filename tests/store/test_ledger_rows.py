"""The doctor's laws of money and capacity: a ledger as Bursar writes it breaks none, each fault planted is found."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.clock import HOUR
from core.domain.flavors import UCR
from core.ledger import entries
from core.ledger.accounts import wallet
from core.ledger.amounts import Amounts
from core.ledger.postings import Posting
from core.store.database import Database
from core.store.queries import ledger_checks
from core.store.repositories.ledger import Ledger, LedgerBook
from core.views.operations import Finding, Verdict
from tests.store.ledger_faults import ANA, ANYWHERE, ORG, T0, Story, told

BILLION = 9_000_000_000_000_001


@pytest.fixture
def story(database: Database) -> Story:
    return told(database)


def findings(story: Story) -> list[Finding]:
    with story.database.read() as connection:
        return ledger_checks.run(connection, story.now)


def broken(story: Story) -> set[str]:
    return {finding.id for finding in findings(story) if finding.verdict is Verdict.FAIL}


def test_a_ledger_as_bursar_writes_it_breaks_no_law(story: Story) -> None:
    found = findings(story)
    assert {finding.id: finding.message for finding in found if finding.verdict is not Verdict.OK} == {}
    laws = {finding.id for finding in found}
    assert laws == {*(f"I-L{number}" for number in range(1, 17)), "I-C1", "I-C2", "I-C4", "I-C6"}


def last(story: Story) -> int:
    with story.database.read() as connection:
        return int(connection.execute(text("SELECT MAX(seq) FROM postings")).scalar_one())


# What is planted, and the law that must see it; others may see it too.
FAULTS = [
    ("I-L1 a posting without entries", "I-L1", ["DELETE FROM entries WHERE seq = 1"]),
    ("I-L1 an entry was made larger", "I-L1", ["UPDATE entries SET amount = amount + 1 WHERE seq = 2 AND line = 0"]),
    ("I-L1 an entry belongs to no posting", "I-L1", ["DELETE FROM postings WHERE seq = 3"]),
    ("I-L2 money came from nowhere", "I-L2", ["UPDATE entries SET amount = amount + 5 WHERE seq = 1 AND line = 1"]),
    ("I-L3 a balance was written by hand", "I-L3", ["UPDATE balances SET posted = posted + 1 WHERE book = 'credits'"]),
    ("I-L3 a balance is lost", "I-L3", ["DELETE FROM balances WHERE account_kind = 'treasury'"]),
    (
        "I-L4 an allowance larger than the treasury",
        "I-L4",
        [
            "UPDATE entries SET amount = amount * 2000 WHERE seq = 2 AND book = 'credits'",
        ],
    ),
    (
        "I-L5 a charge for a run that does not exist",
        "I-L5 every charge",
        ["UPDATE postings SET run_id = 'run-9' WHERE kind = 'charge'"],
    ),
    ("I-L5 charged beyond the end", "I-L5 no run", [f"UPDATE runs SET ended_at = {T0 + HOUR // 4} WHERE id = 'run-1'"]),
    (
        "I-L6 a closed run that was charged too little",
        "I-L6",
        [f"UPDATE runs SET ended_at = {T0 + 2 * HOUR} WHERE id = 'run-1'"],
    ),
    (
        "I-L6 an open run that is not charged for a day",
        "I-L6",
        [f"UPDATE runs SET seen_at = {T0 + 26 * HOUR} WHERE id = 'run-2'"],
    ),
    (
        "I-L7 a charge that does not follow",
        "I-L7",
        ["UPDATE postings SET key = 'meter:run-1:1:1' WHERE kind = 'charge'"],
    ),
    (
        "I-L8 two runs at once",
        "I-L8",
        [
            f"UPDATE runs SET deployment_id = 'dep-1', generation = 2, started_at = {T0} WHERE id = 'run-2'",
        ],
    ),
    ("I-L9 it runs and has no open run", "I-L9", ["UPDATE deployments SET state = 'running' WHERE id = 'dep-1'"]),
    ("I-L9 it has ended and its run is open", "I-L9", ["UPDATE deployments SET state = 'failed' WHERE id = 'dep-2'"]),
    (
        "I-L10 a posting says something else than when written",
        "I-L10 the newest",
        ["UPDATE postings SET reason = 'x' WHERE seq = 2"],
    ),
    ("I-L11 a reversal of nothing", "I-L11", ["UPDATE postings SET reverses = 'nothing' WHERE kind = 'release'"]),
    (
        "I-L11 a reversal that is no mirror",
        "I-L11",
        ["UPDATE postings SET kind = 'reverse', reverses = 'allowance:org-1:acc-1' WHERE kind = 'settle'"],
    ),
    (
        "I-L12 a posting was taken out",
        "I-L12 no posting is missing",
        ["DELETE FROM entries WHERE seq = 2", "DELETE FROM postings WHERE seq = 2"],
    ),
    ("I-L12 the triggers are gone", "I-L12 history", []),
    (
        "I-L13 an amount that does not fit",
        "I-L13",
        [f"UPDATE balances SET posted = {BILLION} WHERE account_kind = 'mint' AND book = 'credits'"],
    ),
    (
        "I-L14 an allowance paid twice",
        "I-L14",
        [
            "UPDATE postings SET kind = 'allowance' WHERE kind = 'hold'",
            "UPDATE entries SET side = 'posted', amount = -amount WHERE seq = 3",
        ],
    ),
    (
        "I-L15 an ended job still holds",
        "I-L15",
        ["DELETE FROM entries WHERE seq = (SELECT seq FROM postings WHERE kind = 'release')"],
    ),
    (
        "I-L15 it holds and does not exist",
        "I-L15",
        ["UPDATE postings SET deployment_id = 'dep-9' WHERE kind IN ('hold', 'release')"],
    ),
    (
        "I-L16 a charge that no report would count",
        "I-L16",
        ["UPDATE postings SET run_id = NULL, kind = 'transfer' WHERE kind = 'charge'"],
    ),
    ("I-C1 a cluster holds more than it has", "I-C1", ["UPDATE nodes SET ram_mib = 1"]),
    ("I-C2 a node holds more than it has", "I-C2", ["UPDATE nodes SET gpu_milli = 500"]),
    ("I-C4 it lives and holds nothing", "I-C4", [f"UPDATE allocations SET released_at = {T0}"]),
    ("I-C4 it has ended and still holds", "I-C4", ["UPDATE deployments SET state = 'failed' WHERE id = 'dep-2'"]),
    ("I-C4 it holds another size", "I-C4", ["UPDATE allocations SET cpu_milli = 500"]),
    (
        "I-C6 it was started twice by one token",
        "I-C6",
        [
            "INSERT INTO allocations (id, org_id, deployment_id, generation, replica, node_id, cpu_milli, ram_mib, "
            "gpu_milli, disk_mib, shares, taken_at, released_at) SELECT 'all-1', org_id, deployment_id, generation, "
            "replica, node_id, cpu_milli, ram_mib, gpu_milli, disk_mib, shares, taken_at - 2, taken_at - 1 "
            "FROM allocations"
        ],
    ),
]


def test_every_planted_fault_is_found(story: Story) -> None:
    """Each in a transaction of its own that is taken back."""
    missed = {}
    for name, law, planted in FAULTS:
        now = T0 + 27 * HOUR if "seen_at" in "".join(planted) else story.now
        with story.planted(*planted) as connection:
            found = [f"{f.id} {f.check}" for f in ledger_checks.run(connection, now) if f.verdict is Verdict.FAIL]
        if not any(finding.startswith(law) for finding in found):
            missed[name] = found
    assert missed == {}
    assert broken(story) == set(), "nothing of it stayed"


def test_I_L13_what_does_not_fit_is_told_instead_of_added_up(story: Story) -> None:
    with story.planted(f"UPDATE balances SET posted = {2**62}") as connection:
        found = ledger_checks.run(connection, story.now)
    assert [finding.id for finding in found] == ["I-L13", "I-L12"], "no other law can be asked"


@pytest.mark.parametrize(
    "statement", ["UPDATE postings SET reason = 'x'", "DELETE FROM entries", "DELETE FROM postings"]
)
def test_I_L12_entries_and_postings_cannot_be_changed_or_deleted(story: Story, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), story.database.write() as connection:
        connection.execute(text(statement))


def test_what_was_posted_is_read_back_as_it_was(story: Story) -> None:
    ana = wallet(ORG, ANA)
    posting = entries.transfer(ana, entries.treasury(ORG), Amounts(UCR, 1), key="t-1", at=T0, reason="»hi«\n=1")
    story.post([posting])
    with story.database.read() as connection:
        book = LedgerBook(connection, ANYWHERE)
        found = book.by_key("t-1")
        assert found is not None
        assert (found.posting, found.actor, found.seq) == (posting, "somebody", last(story))
        assert book.by_number(found.seq) == found
        assert [p.key for p in book.walk(part=2)] == [written.posting.key for written in book.in_period(None, None)]
        assert [p.key for p in book.walk(after=found.seq - 1)] == ["t-1"]


def test_the_same_posting_again_changes_nothing_and_its_balances_are_the_sums(story: Story) -> None:
    ana = wallet(ORG, ANA)
    posting: Posting = entries.transfer(ana, entries.treasury(ORG), Amounts(UCR), key="t-1", at=T0)
    for _ in range(3):
        story.post([posting, posting])
    with story.database.read() as connection:
        ledger = Ledger(connection, T0, "")
        assert ledger.balance(ana).posted == Amounts(94 * UCR, 9 * 3_600_000)
        assert ledger.net_use(["run-1"]) == {"run-1": Amounts(5 * UCR, 3_600_000)}
        assert ledger.holds_left(["dep-1"]) == {"dep-1": Amounts()}
    assert broken(story) == set()
