"""Money that people move: grants out of the treasury, transfers between wallets, the mirror of a mistake.

Each is authorized in the same unit that posts it, against what the account has at this moment.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.money_requests import GrantRequest, Move, ReverseRequest, TransferRequest
from core.domain.roles import Permission, require
from core.domain.validation import Keyed
from core.ledger import entries
from core.ledger.accounts import MINT, AccountKey, treasury
from core.ledger.admission import authorize
from core.ledger.amounts import NOTHING, Amounts, Book, in_book
from core.ledger.postings import Posting, Side
from core.services.funds import Funds, funds_of, members_wallet, own_or_any
from core.services.postings import posting_card, written
from core.services.usecase import reads, writes
from core.store.units import Unit, Units
from core.views.money import CreditsBook, GpuTimeBook, PostingCard, WalletCard

TREASURY = "treasury"


class Credits:
    def __init__(self, units: Units) -> None:
        self.units = units

    @reads(Permission.WALLET_READ)
    def wallet(self, unit: Unit, user: str | None = None) -> WalletCard:
        """One's own wallet as it is now; an admin sees any."""
        account, name = own_or_any(unit, Permission.WALLET_READ, user)
        return _card(name, unit, funds_of(unit, account))

    @reads(Permission.WALLET_READ)
    def treasury(self, unit: Unit) -> WalletCard:
        """What the organization itself has."""
        require(unit.me, Permission.WALLET_READ)
        return _card(TREASURY, unit, funds_of(unit, treasury(unit.org_id)))

    @writes(Permission.WALLET_GRANT)
    def grant(self, unit: Unit, request: GrantRequest) -> PostingCard:
        """Fill a member's wallet from the treasury, or as an operator the treasury from the mint."""
        if request.treasury:
            require(unit.me, Permission.MINT)
        return _once(unit, request, "grant", lambda key: _granted(unit, request, key))

    @writes(Permission.WALLET_TRANSFER)
    def transfer(self, unit: Unit, request: TransferRequest) -> PostingCard:
        """From one's own wallet, or as an admin from any, to a member's or back to the treasury."""
        source, _ = own_or_any(unit, Permission.WALLET_TRANSFER, request.source)
        return _once(unit, request, "transfer", lambda key: _transferred(unit, source, request, key))

    @writes(Permission.LEDGER_REVERSE)
    def reverse(self, unit: Unit, request: ReverseRequest) -> PostingCard:
        """Post the mirror of a posting. What was given away already cannot be taken back."""
        return _once(unit, request, "reverse", lambda _key: _mirrored(unit, request))


def _once(unit: Unit, request: Keyed, verb: str, make: Callable[[str], Posting]) -> PostingCard:
    """Post what `make` makes of a key of its own, unless the same was asked before with the same key."""
    fingerprint = request.fingerprint(unit.org_id)
    if request.key is not None:
        first = unit.answers.first(unit.me.account_id, request.key, fingerprint)
        if first is not None:
            return posting_card(unit, written(unit, int(first)))
    posting = make(f"{verb}:{unit.me.account_id}:{request.key or unit.ids.new()}")
    unit.ledger.post([posting])
    found = unit.book.by_key(posting.key)
    assert found is not None, "it has just been posted"
    if request.key is not None:
        unit.answers.keep(unit.me.account_id, request.key, verb, fingerprint, str(found.seq))
    card = posting_card(unit, found)
    after = {line.account: {"credits_ucr": line.credits_ucr, "gpu_ms": line.gpu_ms} for line in card.items}
    unit.record(f"money.{verb}", f"posting {found.seq}", after={"reason": card.reason, **after})
    return card


def _asked(request: Move) -> Amounts:
    return Amounts(request.credits or 0, request.gpu_hours or 0)


def _granted(unit: Unit, request: GrantRequest, key: str) -> Posting:
    amounts, reason, org = _asked(request), request.reason or "", unit.org_id
    if request.user is None:
        return entries.mint(org, amounts, key=key, at=unit.now, reason=reason)
    receiver, _ = members_wallet(unit, request.user)
    authorize(amounts, funds_of(unit, treasury(org)).available, of_treasury=True)
    return entries.grant(org, receiver.owner, amounts, key=key, at=unit.now, reason=reason)


def _transferred(unit: Unit, source: AccountKey, request: TransferRequest, key: str) -> Posting:
    target = treasury(unit.org_id) if request.user is None else members_wallet(unit, request.user)[0]
    amounts = _asked(request)
    posting = entries.transfer(source, target, amounts, key=key, at=unit.now, reason=request.reason or "")
    authorize(amounts, funds_of(unit, source).available, of_treasury=source == treasury(unit.org_id))
    return posting


def _mirrored(unit: Unit, request: ReverseRequest) -> Posting:
    original = written(unit, request.number).posting
    if any(entry.account == MINT for entry in original.entries):
        require(unit.me, Permission.MINT)
    run = original.cause.run
    net_use = None if run is None else unit.ledger.net_use([run]).get(run, NOTHING)
    mirror = entries.reverse(
        original,
        reversed_by=unit.book.reversal_of(original.key),
        at=unit.now,
        reason=request.reason,
        net_use=net_use,
    )
    for account, amounts in _taken_by(mirror).items():
        authorize(amounts, funds_of(unit, account).available, of_treasury=account == treasury(unit.org_id))
    return mirror


def _taken_by(mirror: Posting) -> dict[AccountKey, Amounts]:
    """What a posting takes from those who may not be overdrawn."""
    taken: dict[AccountKey, Amounts] = {}
    for entry in mirror.entries:
        if entry.side is Side.POSTED and entry.amount < 0 and entry.account.may_run_dry:
            taken[entry.account] = taken.get(entry.account, NOTHING) - in_book(entry.book, entry.amount)
    return taken


def _card(owner: str, unit: Unit, funds: Funds) -> WalletCard:
    balance, held, available, burn = funds.balance, funds.held, funds.available, funds.burn
    run_out = funds.run_out
    return WalletCard(
        owner=owner,
        org=unit.me.org_name or "",
        credits=CreditsBook(balance.ucr, held.ucr, available.ucr, burn.ucr, run_out.get(Book.CREDITS)),
        gpu_hours=GpuTimeBook(balance.gpu_ms, held.gpu_ms, available.gpu_ms, burn.gpu_ms, run_out.get(Book.GPU_TIME)),
        runway_ms=funds.runway_ms,
    )
