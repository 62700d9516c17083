"""What comes and goes with people: an org's starting treasury, a member's allowance, the balance of one who leaves."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.errors import Conflict
from core.domain.lifecycle import HOLDS_CAPACITY, WAITING
from core.ledger import entries
from core.ledger.accounts import treasury, wallet
from core.ledger.amounts import NOTHING, Amounts
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit

_MOST_NAMED = 5


def open_treasury(unit: Unit, org_id: str, amounts: Amounts) -> None:
    if amounts:
        unit.ledger.post([entries.start_treasury(org_id, amounts, at=unit.now)])


def give_allowance(unit: Unit, org_id: str, account_id: str, wanted: Amounts) -> dict[str, object]:
    """Pay it as far as the treasury reaches, once in a membership's life; says what was given, for the record.

    A short treasury keeps nobody out: an admin can grant the rest when there is something to grant.
    """
    if unit.ledger.has_key(entries.allowance_key(org_id, account_id)):
        return {"allowance": "was given when they first joined"}
    available = unit.ledger.balance(treasury(org_id)).available.at_least(NOTHING)
    given = wanted.at_most(available)
    if given:
        unit.ledger.post([entries.allowance(org_id, account_id, given, at=unit.now)])
    facts: dict[str, object] = {"credits_ucr": given.ucr, "gpu_ms": given.gpu_ms}
    if given != wanted:
        facts["treasury_short_of"] = {"credits_ucr": (wanted - given).ucr, "gpu_ms": (wanted - given).gpu_ms}
    return facts


def take_back_balance(unit: Unit, account_id: str, name: str) -> dict[str, object]:
    """What a member leaves behind goes to the treasury. Refused while they still wait, hold or run anything."""
    account = wallet(unit.org_id, account_id)
    living = [row for row in unit.deployments.in_states(WAITING | HOLDS_CAPACITY) if row.owner_id == account_id]
    refuse_living(living, f"{name} has")
    balance = unit.ledger.balance(account)
    if balance.held:
        raise Conflict("holds_open", f"something of {name} is still set aside", "wait until it is settled")
    left = balance.posted.at_least(NOTHING)
    if left:
        key = f"leave:{account_id}:{unit.ids.new()}"
        back = entries.transfer(account, treasury(unit.org_id), left, key=key, at=unit.now, reason=f"{name} left")
        unit.ledger.post([back])
    return {"credits_ucr": left.ucr, "gpu_ms": left.gpu_ms}


def refuse_living(living: Sequence[DeploymentRow], whose: str) -> None:
    """Refuse to end what deployments still stand on, naming them."""
    if not living:
        return
    named = ", ".join(f"{row.handle} ({row.state.value.replace('_', ' ')})" for row in living[:_MOST_NAMED])
    more = f" and {len(living) - _MOST_NAMED} more" if len(living) > _MOST_NAMED else ""
    raise Conflict(
        "deployments_living",
        f"{whose} {len(living)} deployments that are not over: {named}{more}",
        "cancel or stop them first: bursar cancel ID",
        {"deployments": [row.handle for row in living]},
    )
