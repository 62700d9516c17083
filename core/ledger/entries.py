"""Builders: what each kind of posting moves, from where to where.

They decide form, not permission: who calls them has asked `authorize` first where money must be there.
"""

from __future__ import annotations

from core.domain.errors import Conflict, Invalid
from core.ledger.accounts import MINT, AccountKey, spent, treasury, wallet
from core.ledger.amounts import NOTHING, Amounts, checked, in_book
from core.ledger.postings import METERED, Cause, Entry, Posting, PostingKind, Side, make, move

REVERSIBLE = frozenset(PostingKind) - {PostingKind.HOLD, PostingKind.RELEASE, PostingKind.REVERSE}


def mint(org: str, amounts: Amounts, *, key: str, at: int, reason: str = "", cause: Cause | None = None) -> Posting:
    """An operator fills an org's treasury."""
    entries = move(MINT, treasury(org), checked(amounts))
    return make(key, PostingKind.GRANT, at, entries, reason=reason, cause=cause)


def grant(
    org: str, account: str, amounts: Amounts, *, key: str, at: int, reason: str = "", cause: Cause | None = None
) -> Posting:
    """An admin gives a member a part of the treasury."""
    entries = move(treasury(org), wallet(org, account), checked(amounts))
    return make(key, PostingKind.GRANT, at, entries, reason=reason, cause=cause)


def allowance(org: str, account: str, amounts: Amounts, *, at: int, cause: Cause | None = None) -> Posting:
    """What a member starts with, paid by the treasury. The key lets it happen once in a membership's life."""
    entries = move(treasury(org), wallet(org, account), checked(amounts))
    key = allowance_key(org, account)
    return make(key, PostingKind.ALLOWANCE, at, entries, reason="starting allowance", cause=cause)


def allowance_key(org: str, account: str) -> str:
    return f"allowance:{org}:{account}"


def transfer(
    source: AccountKey,
    target: AccountKey,
    amounts: Amounts,
    *,
    key: str,
    at: int,
    reason: str = "",
    cause: Cause | None = None,
) -> Posting:
    """Between wallets of one org, or between a wallet and the treasury."""
    if not (source.may_run_dry and target.may_run_dry):
        raise Invalid("transfer_account", "a transfer goes between wallets and the treasury", "use grant to mint")
    if source.org != target.org:
        raise Invalid("transfer_across_orgs", "a transfer stays within one organization", "ask an operator for a grant")
    if source == target:
        raise Invalid("transfer_to_itself", "a transfer needs two different accounts", "name another receiver")
    entries = move(source, target, checked(amounts))
    return make(key, PostingKind.TRANSFER, at, entries, reason=reason, cause=cause)


def hold(
    payer: AccountKey, deployment: str, amounts: Amounts, *, at: int, number: int = 1, reason: str = "submitted"
) -> Posting:
    """Set the cost of a job aside. A deployment's second hold (extended, started again) has number 2."""
    entries = move(payer, spent(payer.org), checked(amounts), Side.HELD)
    key = f"hold:{deployment}:{number}"
    return make(key, PostingKind.HOLD, at, entries, reason=reason, cause=Cause(deployment=deployment))


def release(
    payer: AccountKey,
    amounts: Amounts,
    *,
    key: str,
    at: int,
    cause: Cause,
    reason: str = "",
) -> Posting:
    """Give back what is set aside and will not be used."""
    entries = move(spent(payer.org), payer, checked(amounts), Side.HELD)
    return make(key, PostingKind.RELEASE, at, entries, reason=reason, cause=cause)


def use(
    kind: PostingKind,
    payer: AccountKey,
    amounts: Amounts,
    hold_left: Amounts,
    *,
    key: str,
    at: int,
    cause: Cause,
    reason: str = "",
) -> Posting:
    """Pay for use: out of the hold as far as it reaches, the rest out of the balance, even below zero."""
    covered = amounts.at_most(hold_left).at_least(NOTHING)
    entries: list[Entry] = move(payer, spent(payer.org), amounts)
    entries += move(spent(payer.org), payer, covered, Side.HELD)
    return make(key, kind, at, entries, reason=reason, cause=cause)


def refund(payer: AccountKey, amounts: Amounts, *, key: str, at: int, cause: Cause, reason: str) -> Posting:
    """Give back what was charged. `refunds` decides how much."""
    entries = move(spent(payer.org), payer, checked(amounts))
    return make(key, PostingKind.REFUND, at, entries, reason=reason, cause=cause)


def reverse(
    original: Posting,
    *,
    reversed_by: str | None,
    at: int,
    reason: str,
    event: str | None = None,
    net_use: Amounts | None = None,
) -> Posting:
    """The mirror of a posting, at most once. What a charge took from a hold is not set aside again.

    For a charge, `net_use` is what its run has cost so far: what was refunded is not given back twice.
    """
    if original.kind is PostingKind.REVERSE:
        raise Conflict("reversal_reversed", "a reversal cannot be reversed", "post the opposite as a grant or transfer")
    if original.kind not in REVERSIBLE:
        raise Conflict(
            "not_reversible",
            f"a {original.kind.value} moved no money",
            "cancel the deployment to end its hold",
        )
    if reversed_by is not None:
        raise Conflict(
            "already_reversed", f"{original.key} was reversed by {reversed_by}", "nothing is left to reverse"
        )
    entries = [Entry(e.account, e.book, -e.amount) for e in original.entries if e.side is Side.POSTED]
    if original.kind in METERED and net_use is not None:
        given_back = sum((in_book(e.book, e.amount) for e in entries if e.account.may_run_dry), NOTHING)
        if given_back.at_most(net_use) != given_back:
            raise Conflict(
                "already_refunded", f"{original.key} was refunded, in part or whole", "see the run's entries"
            )
    cause = Cause(original.cause.deployment, original.cause.run, event)
    return make(
        f"reverse:{original.key}",
        PostingKind.REVERSE,
        at,
        entries,
        reason=reason,
        cause=cause,
        reverses=original.key,
    )


def start_treasury(org: str, amounts: Amounts, *, at: int, cause: Cause | None = None) -> Posting:
    """What a new org starts with; once in its life."""
    return mint(org, amounts, key=f"treasury:{org}", at=at, reason="starting treasury", cause=cause)
