"""The questions that screens ask, each one call of the gateway: services in, one message out. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.commands.asking import asked, money_requests
from core.commands.verbs import Bursar
from core.domain.errors import BursarError, Forbidden
from core.domain.lifecycle import State
from core.domain.roles import Caller, Permission, allows
from core.views.foresight import BlockerLine, PreviewCard, QueueLine, WhyCard
from core.views.money import WalletCard
from core.views.people import AccountCard, MemberRow
from core.views.work import ClusterCard
from tui import messages
from tui.actions import Command, principal
from tui.gateway import Question

PAGE = 100
_FEED = 40
_MOST_WALLETS = 50


def overview(who: AccountCard) -> Question:
    def ask(bursar: Bursar, caller: Caller) -> messages.OverviewSeen:
        clusters = _clusters(bursar, caller)
        devices = [device for c in clusters for device in bursar.browsing.devices(caller, c.id).items]
        treasury = bursar.credits.treasury(caller) if _allowed(who, Permission.WALLET_READ) else None
        return messages.OverviewSeen(
            clusters,
            tuple(devices),
            _queue(bursar, caller, clusters),
            bursar.credits.wallet(caller),
            treasury,
            bursar.browsing.feed(caller, _FEED).items,
            _waiting(bursar, caller) if _allowed(who, Permission.DEPLOYMENT_DECIDE) else 0,
        )

    return ask


def diagnosis(bursar: Bursar, caller: Caller) -> messages.DiagnosisSeen:
    return messages.DiagnosisSeen(bursar.operations.doctor(caller))


def queue(bursar: Bursar, caller: Caller) -> messages.QueueSeen:
    return messages.QueueSeen(_queue(bursar, caller, _clusters(bursar, caller)))


def why(deployment: str) -> Question:
    return lambda bursar, caller: messages.WhySeen(_why(bursar, caller, deployment))


def _why(bursar: Bursar, caller: Caller, deployment: str) -> WhyCard:
    card = bursar.foresight.why(caller, deployment)
    return replace(card, blockers=_with_names(bursar, caller, card.blockers))


def _with_names(bursar: Bursar, caller: Caller, blockers: tuple[BlockerLine, ...]) -> tuple[BlockerLine, ...]:
    """Who is in the way, by name and owner: an id says nobody whom to ask."""
    names = _names(bursar, caller, [holder for blocker in blockers for holder in blocker.holders])
    return tuple(replace(b, holders=tuple(names.get(holder, holder) for holder in b.holders)) for b in blockers)


def _names(bursar: Bursar, caller: Caller, ids: Iterable[str]) -> dict[str, str]:
    """What is no id, such as "another org", and what has gone meanwhile, is left as it is."""
    asked_for = tuple(dict.fromkeys(one for one in ids if one.startswith("dep-")))
    try:
        found = bursar.browsing.lines(caller, asked_for) if asked_for else ()
    except BursarError:
        return {}
    return {line.id: f"{line.name} of {line.owner} ({line.id})" for line in found}


def within(org: str | None, question: Question) -> Question:
    """The same, asked in another organization."""
    return question if org is None else lambda bursar, caller: question(bursar, replace(caller, org=org))


def order(filter_: str, by: str, *, backwards: bool, mine: bool, everywhere: bool) -> Question:
    return lambda bursar, caller: messages.OrderSeen(
        bursar.browsing.order(caller, filter=filter_, order=by, backwards=backwards, mine=mine, everywhere=everywhere),
        (filter_, mine, everywhere),
    )


def lines(ids: tuple[str, ...], *, everywhere: bool) -> Question:
    return lambda bursar, caller: messages.LinesSeen(bursar.browsing.lines(caller, ids, everywhere=everywhere))


def deployment(reference: str) -> Question:
    def ask(bursar: Bursar, caller: Caller) -> messages.DeploymentSeen:
        card = bursar.deployments.show(caller, reference)
        try:
            postings = bursar.browsing.postings(caller, card.id).items
        except Forbidden:
            postings = None
        why: WhyCard | None = None
        if card.state in (State.QUEUED, State.AWAITING_APPROVAL):
            why = _why(bursar, caller, card.id)
        return messages.DeploymentSeen(card, bursar.browsing.timeline(caller, card.id).items, postings, why)

    return ask


def log(reference: str, cursor: str | None, tail: int) -> Question:
    return lambda bursar, caller: messages.LogSeen(
        bursar.logs.read(caller, reference, tail=None if cursor else tail, cursor=cursor)
    )


def preview(command: Command) -> Question:
    """What a submission would do: the verb itself, asked to try."""

    def ask(bursar: Bursar, caller: Caller) -> messages.PreviewSeen:
        assert callable(command.verb.call), "submit is no program"
        card = command.verb.call(bursar, caller, command.values)
        assert isinstance(card, PreviewCard), "a submission that is only tried"
        victims = _names(bursar, caller, card.victims)
        shown = tuple(victims.get(victim, victim) for victim in card.victims)
        return messages.PreviewSeen(replace(card, victims=shown, blockers=_with_names(bursar, caller, card.blockers)))

    return ask


def choices(bursar: Bursar, caller: Caller) -> messages.ChoicesSeen:
    names = tuple(line.name for line in bursar.clusters.list(caller).items)
    flavors = tuple(line.name for line in bursar.prices.flavors(caller).items if line.state != "retired")
    return messages.ChoicesSeen(names, flavors)


def clusters(bursar: Bursar, caller: Caller) -> messages.ClustersSeen:
    return messages.ClustersSeen(_clusters(bursar, caller))


def devices(cluster: str) -> Question:
    return lambda bursar, caller: messages.DevicesSeen(cluster, bursar.browsing.devices(caller, cluster).items)


def approvals(bursar: Bursar, caller: Caller) -> messages.ApprovalsSeen:
    return messages.ApprovalsSeen(bursar.decisions.approvals(caller).items, bursar.decisions.asks(caller).items)


def people(who: AccountCard) -> Question:
    def ask(bursar: Bursar, caller: Caller) -> messages.PeopleSeen:
        invites = bursar.invites.list(caller).items if _allowed(who, Permission.INVITES_READ) else None
        org, members = bursar.organizations.show(caller), bursar.organizations.members(caller)
        return messages.PeopleSeen(org, members.items, invites, bursar.slack_links.list(caller).items)

    return ask


def account(who: AccountCard) -> Question:
    def ask(bursar: Bursar, caller: Caller) -> messages.AccountSeen:
        accounts = bursar.accounts if _allowed(who, Permission.TOKEN_MANAGE) else None
        tokens = accounts.list_tokens(caller).items if accounts is not None else None
        sessions = accounts.list_sessions(caller).items if accounts is not None else ()
        chats = bursar.slack_links if _allowed(who, Permission.SLACK_LINK) else None
        links = chats.list(caller).items if chats is not None else ()
        asking = chats.pending(caller).items if chats is not None else ()
        return messages.AccountSeen(bursar.organizations.list(caller).items, tokens, sessions, links, asking)

    return ask


def money(who: AccountCard, whose: str | None, *, of_treasury: bool, alone: bool) -> Question:
    """One wallet with its statement; for admins the treasury, and everybody's balance unless it is asked for alone."""

    def ask(bursar: Bursar, caller: Caller) -> messages.MoneySeen:
        period = asked(money_requests.PeriodRequest, {})
        wallets: dict[str, WalletCard] = {}
        members: Sequence[MemberRow] = ()
        treasury = None
        if _allowed(who, Permission.WALLET_READ):
            treasury = bursar.credits.treasury(caller)
            members = () if alone else bursar.organizations.members(caller).items
            for member in members[:_MOST_WALLETS]:
                wallets[member.name] = bursar.credits.wallet(caller, member.name)
        if of_treasury:
            statement = bursar.statements.of_treasury(caller, period)
        else:
            statement = bursar.statements.of_wallet(caller, period, whose)
        own = treasury if of_treasury and treasury else bursar.credits.wallet(caller, whose)
        return messages.MoneySeen(own, treasury, statement, None if alone else wallets, len(members), whose)

    return ask


def posting(number: int) -> Question:
    return lambda bursar, caller: messages.PostingSeen(bursar.statements.posting(caller, number))


def report(period: str) -> Question:
    return lambda bursar, caller: messages.ReportSeen(bursar.reports.show(caller, period), period)


def journal(filter_: str, after: int, *, everywhere: bool) -> Question:
    return lambda bursar, caller: messages.JournalSeen(
        bursar.browsing.journal(caller, filter=filter_, after=after, everywhere=everywhere),
        (filter_, everywhere),
        after,
    )


def journal_lines(numbers: tuple[int, ...], *, everywhere: bool) -> Question:
    return lambda bursar, caller: messages.JournalLinesSeen(
        bursar.browsing.journal_lines(caller, numbers, everywhere=everywhere)
    )


def health(who: AccountCard) -> Question:
    return lambda bursar, caller: messages.HealthSeen(
        bursar.upkeep.health(caller), _clusters(bursar, caller) if who.org is not None else None
    )


def machine(bursar: Bursar, caller: Caller) -> messages.MachineSeen:
    return messages.MachineSeen(bursar.clusters.discover(caller).items)


def _waiting(bursar: Bursar, caller: Caller) -> int:
    """How much waits for a decision."""
    return len(bursar.decisions.approvals(caller).items) + len(bursar.decisions.asks(caller).items)


def _allowed(who: AccountCard, permission: Permission) -> bool:
    """Whether it is theirs for everybody, not only for themselves."""
    return allows(principal(who), permission)


def _clusters(bursar: Bursar, caller: Caller) -> tuple[ClusterCard, ...]:
    return tuple(bursar.clusters.show(caller, line.id) for line in bursar.clusters.list(caller).items)


def _queue(bursar: Bursar, caller: Caller, of: tuple[ClusterCard, ...]) -> tuple[tuple[str, QueueLine], ...]:
    return tuple((cluster.name, line) for cluster in of for line in bursar.foresight.queue(caller, cluster.id).items)
