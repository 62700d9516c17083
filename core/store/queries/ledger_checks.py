"""The laws of money as queries that must find nothing: I-L1 to I-L7 and I-L10 to I-L16, for the doctor.

Each reads the entries themselves, never the cache that it judges, and all of them together a million entries in
seconds. What a query cannot add up, the cost of a run's line in time, is asked of the meter.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

from sqlalchemy import Connection, func, select, text

from core.domain.lifecycle import FINAL, State
from core.ledger import checks as laws
from core.ledger.amounts import MOST_IN_AN_ENTRY, NOTHING, Amounts
from core.ledger.meter import LONGEST_UNPOSTED_US, due
from core.ledger.postings import AUTHORIZED, METERED
from core.store.queries.capacity_checks import CAPACITY
from core.store.queries.checks import MustBeEmpty, broken_by, judged
from core.store.repositories.ledger import LedgerBook, entries, postings
from core.store.repositories.runs import Runs
from core.store.scope import unscoped
from core.views.operations import Finding, Verdict

NEWEST_READ = 2_000  # so many postings are read word by word; verify-ledger reads all
PATIENCE_US = 60_000_000
END_OF_TIME = 2**62

_RESTORE = "stop Bursar and restore a backup: nothing of Bursar's own writes this"
_REPORT = "compare with a backup and report this"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


_WORDS = {
    "payers": "e.account_kind IN ('wallet', 'treasury')",
    "authorized": _listed(kind.value for kind in AUTHORIZED),
    "metered": _listed(kind.value for kind in METERED),
    "ended": _listed(state.value for state in (*FINAL, State.STOPPED)),
    "most": str(MOST_IN_AN_ENTRY),
    "patience": str(PATIENCE_US),
}


def _law(law: str, check: str, query: str, repair: str = _REPORT) -> MustBeEmpty:
    return MustBeEmpty(law, check, Template(query).substitute(_WORDS), repair)


AMOUNTS_FIT = _law(
    "I-L13",
    "every amount fits",
    """
    SELECT e.seq FROM entries e WHERE e.amount NOT BETWEEN -$most AND $most
    UNION ALL
    SELECT 0 FROM balances WHERE posted NOT BETWEEN -$most AND $most OR expected NOT BETWEEN -$most AND $most
    """,
    _RESTORE,
)

MONEY = (
    _law(
        "I-L1",
        "every posting sums to zero",
        """
        SELECT e.seq FROM entries e GROUP BY e.seq
        HAVING SUM(CASE WHEN e.book = 'credits' AND e.side = 'posted' THEN e.amount ELSE 0 END) <> 0
            OR SUM(CASE WHEN e.book = 'credits' AND e.side = 'held' THEN e.amount ELSE 0 END) <> 0
            OR SUM(CASE WHEN e.book = 'gpu_time' AND e.side = 'posted' THEN e.amount ELSE 0 END) <> 0
            OR SUM(CASE WHEN e.book = 'gpu_time' AND e.side = 'held' THEN e.amount ELSE 0 END) <> 0
        UNION ALL
        SELECT p.seq FROM postings p WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.seq = p.seq)
        UNION ALL
        SELECT e.seq FROM entries e WHERE NOT EXISTS (SELECT 1 FROM postings p WHERE p.seq = e.seq)
        """,
        _RESTORE,
    ),
    _law(
        "I-L2",
        "the whole ledger sums to zero",
        "SELECT e.book || ' ' || e.side FROM entries e GROUP BY e.book, e.side HAVING SUM(e.amount) <> 0",
        _RESTORE,
    ),
    _law(
        "I-L3",
        "every balance is the sum of its entries",
        """
        SELECT s.account_kind || '/' || s.org_id || '/' || s.owner_id FROM (
            SELECT e.org_id, e.owner_id, e.account_kind, e.book,
                SUM(CASE WHEN e.side = 'posted' THEN e.amount ELSE 0 END) AS posted,
                SUM(CASE WHEN e.side = 'held' THEN e.amount ELSE 0 END) AS expected
            FROM entries e GROUP BY e.org_id, e.owner_id, e.account_kind, e.book
            UNION ALL
            SELECT b.org_id, b.owner_id, b.account_kind, b.book, -b.posted, -b.expected FROM balances b
        ) s
        GROUP BY s.org_id, s.owner_id, s.account_kind, s.book
        HAVING SUM(s.posted) <> 0 OR SUM(s.expected) <> 0
        """,
        _RESTORE,
    ),
    _law(
        "I-L4",
        "nothing was authorized that was not there",
        """
        SELECT DISTINCT r.seq FROM (
            SELECT e.seq, p.kind, e.amount, SUM(e.amount) OVER (
                PARTITION BY e.org_id, e.owner_id, e.account_kind, e.book ORDER BY e.seq
            ) AS available
            FROM entries e JOIN postings p ON p.seq = e.seq WHERE $payers
        ) r
        WHERE r.kind IN ($authorized) AND r.amount < 0 AND r.available < 0
        """,
    ),
    _law(
        "I-L5",
        "every charge is for a run",
        """
        SELECT p.seq FROM postings p
        LEFT JOIN runs r ON r.id = p.run_id AND r.deployment_id = p.deployment_id
        WHERE p.kind IN ($metered) AND r.id IS NULL
        """,
    ),
    _law(
        "I-L7",
        "each charge follows from those before it",
        """
        SELECT c.seq FROM (
            SELECT p.seq, p.kind, p.key, 'meter' || ':' || p.run_id
                || ':' || CAST(SUM(s.ucr) OVER w AS BIGINT) || ':' || CAST(SUM(s.gpu_ms) OVER w AS BIGINT) AS told
            FROM postings p JOIN (
                SELECT e.seq,
                    SUM(CASE WHEN e.book = 'credits' THEN -e.amount ELSE 0 END) AS ucr,
                    SUM(CASE WHEN e.book = 'gpu_time' THEN -e.amount ELSE 0 END) AS gpu_ms
                FROM entries e WHERE e.side = 'posted' AND $payers GROUP BY e.seq
            ) s ON s.seq = p.seq
            WHERE p.kind IN ($metered)
            WINDOW w AS (PARTITION BY p.run_id ORDER BY p.seq)
        ) c
        WHERE c.kind = 'charge' AND c.key <> c.told
        """,
    ),
    _law(
        "I-L10",
        "every posting was made once",
        "SELECT p.key FROM postings p GROUP BY p.key HAVING COUNT(*) > 1",
        _RESTORE,
    ),
    _law(
        "I-L11",
        "a reversal mirrors one posting, once",
        """
        SELECT p.reverses FROM postings p WHERE p.reverses IS NOT NULL GROUP BY p.reverses HAVING COUNT(*) > 1
        UNION ALL
        SELECT p.key FROM postings p LEFT JOIN postings o ON o.key = p.reverses
        WHERE (p.kind = 'reverse' OR p.reverses IS NOT NULL)
            AND (p.kind <> 'reverse' OR p.reverses IS NULL OR o.seq IS NULL OR o.kind = 'reverse')
        UNION ALL
        SELECT m.key FROM (
            SELECT p.key, e.org_id, e.owner_id, e.account_kind, e.book, e.amount
            FROM postings p JOIN entries e ON e.seq = p.seq
            WHERE p.reverses IS NOT NULL AND e.side = 'posted'
            UNION ALL
            SELECT p.key, e.org_id, e.owner_id, e.account_kind, e.book, e.amount
            FROM postings p JOIN postings o ON o.key = p.reverses JOIN entries e ON e.seq = o.seq
            WHERE e.side = 'posted'
        ) m
        GROUP BY m.key, m.org_id, m.owner_id, m.account_kind, m.book HAVING SUM(m.amount) <> 0
        """,
    ),
    _law(
        "I-L12",
        "no posting is missing",
        """
        SELECT 'of ' || n.latest || ' there are ' || n.kept
        FROM (SELECT MAX(seq) AS latest, COUNT(*) AS kept FROM postings) n
        WHERE n.kept > 0 AND n.latest <> n.kept
        """,
        _RESTORE,
    ),
    _law(
        "I-L14",
        "an allowance is paid once",
        """
        SELECT e.account_kind || '/' || e.org_id || '/' || e.owner_id
        FROM postings p JOIN entries e ON e.seq = p.seq
        WHERE p.kind = 'allowance' AND e.amount > 0
        GROUP BY e.org_id, e.owner_id, e.account_kind, e.book HAVING COUNT(*) > 1
        """,
        "reverse one of them: bursar reverse NUMBER --reason TEXT",
    ),
    _law(
        "I-L15",
        "what is set aside is for something that is not over",
        """
        SELECT h.deployment_id FROM (
            SELECT p.deployment_id, -SUM(e.amount) AS kept
            FROM entries e JOIN postings p ON p.seq = e.seq
            WHERE e.side = 'held' AND $payers
            GROUP BY p.deployment_id, e.book HAVING SUM(e.amount) <> 0
        ) h
        LEFT JOIN deployments d ON d.id = h.deployment_id
        WHERE h.kept < 0 OR d.id IS NULL OR (d.state IN ($ended) AND d.state_since < :now - $patience)
        """,
    ),
    _law(
        "I-L16",
        "use as it is reported is what organizations have spent",
        """
        SELECT u.org_id || ' ' || u.book FROM (
            SELECT e.org_id, e.book, e.amount FROM entries e WHERE e.account_kind = 'spent' AND e.side = 'posted'
            UNION ALL
            SELECT e.org_id, e.book, e.amount FROM entries e JOIN postings p ON p.seq = e.seq
            WHERE $payers AND e.side = 'posted' AND (p.run_id IS NOT NULL OR p.kind IN ($metered, 'refund'))
        ) u
        GROUP BY u.org_id, u.book HAVING SUM(u.amount) <> 0
        """,
    ),
)

_SUMS_BY_RUN = Template(
    """
    SELECT p.run_id,
        -SUM(CASE WHEN e.book = 'credits' AND p.kind IN ($metered) THEN e.amount ELSE 0 END),
        -SUM(CASE WHEN e.book = 'gpu_time' AND p.kind IN ($metered) THEN e.amount ELSE 0 END),
        -SUM(CASE WHEN e.book = 'credits' THEN e.amount ELSE 0 END),
        -SUM(CASE WHEN e.book = 'gpu_time' THEN e.amount ELSE 0 END)
    FROM postings p JOIN entries e ON e.seq = p.seq
    WHERE p.run_id IS NOT NULL AND e.side = 'posted' AND $payers
    GROUP BY p.run_id
    """
).substitute(_WORDS)


def run(connection: Connection, now: int) -> list[Finding]:
    """Every law. Sums come after the proof that they fit, since a store cannot add up what does not."""
    fits = judged(connection, AMOUNTS_FIT)
    found = [fits]
    if fits.verdict is Verdict.OK:
        found += [judged(connection, law, now=now) for law in (*MONEY, *CAPACITY)]
        found += _runs_are_charged(connection, now)
        found.append(_newest_are_as_written(connection))
    found.append(_only_appended(connection))
    return found


def _runs_are_charged(connection: Connection, now: int) -> list[Finding]:
    """I-L5: nothing beyond what is due. I-L6: a closed run exactly, an open one not six hours behind its last proof."""
    sums = _sums_by_run(connection)
    beyond, behind = [], []
    for row in Runs(connection, unscoped("the doctor looks at every run")).in_period(-1, END_OF_TIME):
        line = row.line
        metered, net = sums.get(row.id, (NOTHING, NOTHING))
        unposted = row.seen_at - LONGEST_UNPOSTED_US - PATIENCE_US
        # What was proved to live stays due where the clock was set back since.
        most = due(line, max(now, row.seen_at) if line.end is None else line.end)
        least = due(line, unposted if line.end is None else line.end)
        if metered.at_most(most) != metered or net.at_least(NOTHING) != net:
            beyond.append(row.id)
        if metered.at_least(least) != metered:
            behind.append(row.id)
    return [
        broken_by("I-L5", "no run was charged beyond what was due", beyond, _REPORT),
        broken_by("I-L6", "every run was charged what was due", behind, "is the daemon running? bursar daemon"),
    ]


def _sums_by_run(connection: Connection) -> dict[str, tuple[Amounts, Amounts]]:
    """By run: what the meter has posted, and what it cost after refunds and reversals."""
    return {
        row[0]: (Amounts(int(row[1]), int(row[2])), Amounts(int(row[3]), int(row[4])))
        for row in connection.execute(text(_SUMS_BY_RUN))
    }


def _newest_are_as_written(connection: Connection) -> Finding:
    last = connection.execute(select(func.max(postings.c.seq))).scalar() or 0
    book = LedgerBook(connection, unscoped("the doctor reads what was written last"))
    found = laws.keys_are_unique(book.walk(after=last - NEWEST_READ))
    return broken_by(
        "I-L10",
        f"the newest {NEWEST_READ} postings are what they were",
        [finding.subject for finding in found],
        _RESTORE,
    )


def _only_appended(connection: Connection) -> Finding:
    """The triggers that refuse to change or delete what was written."""
    if connection.dialect.name == "sqlite":
        query = "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' GROUP BY tbl_name HAVING COUNT(*) >= 2"
    else:
        query = (
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'"
        )
    guarded = set(connection.execute(text(query)).scalars())
    unguarded = [name for name in (entries.name, postings.name, "audit") if name not in guarded]
    return broken_by("I-L12", "history cannot be edited", unguarded, "find out who has dropped the triggers")
