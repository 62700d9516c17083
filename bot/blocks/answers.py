"""The answer of any verb as a message: a list is lines, an object is its fields, and a few answers are sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from bot.blocks import lists
from bot.blocks.deployment import card as deployment_card
from bot.blocks.help import new_request_button
from bot.blocks.parts import Block, Message, buttons, context, message, section
from bot.blocks.parts import fields as field_block
from bot.blocks.report import report
from bot.blocks.wallet import wallet
from bot.ids import COMMAND
from bot.markup import code, moment, moment_utc, safe_slack
from bot.wording import NOTHING, both_books, label, shown, slashed
from core.commands.verbs import Verb
from core.domain.resources import Resources
from core.views.foresight import BlockerLine, ForecastCard, PreviewCard, WhyCard
from core.views.money import CsvText, PostingCard, StatementCard, Sum, UsageCard, WalletCard
from core.views.operations import Page
from core.views.people import Done, InviteCard, OrgCard
from core.views.reports import ReportCard, ScheduleLine
from core.views.work import DeploymentCard, GpuSlot, LogText

_WORDED = (Resources, Sum, GpuSlot)
_MOST_FIELDS = 40
_SPOKEN = 10


def answered(verb: Verb, answer: Any) -> Message:
    say = _OF_VERBS.get(verb.path) or _SENTENCES.get(type(answer))
    if say is not None:
        return say(answer)
    if isinstance(answer, Page):
        return _listed(verb, answer)
    return _fields_of(verb, answer)


def _listed(verb: Verb, page: Page[Any]) -> Message:
    if not page.items:
        nothing = _NOTHING.get(verb.path) or slashed(verb.nothing)
        return message(nothing, [section(safe_slack(nothing)), *_EMPTY.get(verb.path, ())])
    blocks = lists.rows(page.items)
    if blocks is None:
        names = verb.columns or tuple(field.name for field in fields(page.items[0]))
        blocks = lists.in_blocks([_line(names, item) for item in page.items[: lists.MOST_LINES]])
    return message(_counted(verb, page.items), [*blocks, *_more(verb, page)])


def _more(verb: Verb, page: Page[Any]) -> list[Block]:
    left = len(page.items) - lists.MOST_LINES
    more = f"{left} more" if left > 0 else ("there are more" if page.next else "")
    return [context(f"{more}; `bursar {verb.name}` in a terminal shows all")] if more else []


def _counted(verb: Verb, items: tuple[Any, ...]) -> str:
    """How many there are, and which: whoever only hears the notification must know too."""
    said = [spoken for spoken in map(lists.spoken, items[:_SPOKEN]) if spoken]
    rest = ", ..." if said and len(items) > _SPOKEN else ""
    head = f"{verb.name} ({len(items)})"
    return f"{head}: {', '.join(said)}{rest}" if said else head


def _approvals(page: Page[Any]) -> Message:
    if not page.items:
        return message("nothing waits for a decision", [section("✓ nothing waits for a decision")])
    asked = [f"{one.name} of {one.owner}" for one in page.items[:_SPOKEN]]
    waits = "1 waits" if len(page.items) == 1 else f"{len(page.items)} wait"
    return message(f"{waits} for a decision: {', '.join(asked)}", lists.approvals(page.items))


def _line(names: tuple[str, ...], item: Any) -> str:
    first, *others = [(name, shown(name, getattr(item, name))) for name in names]
    said = [f"{label(name)} {value}" for name, value in others if value != NOTHING]
    return f"*{first[1]}*" + (f" · {' · '.join(said)}" if said else "")


def _fields_of(verb: Verb, answer: Any) -> Message:
    pairs = list(_pairs(answer))[:_MOST_FIELDS]
    blocks: list[Block] = [field_block(pairs[start : start + 10]) for start in range(0, len(pairs), 10)]
    for field in fields(answer):
        value = getattr(answer, field.name)
        if _is_list(value):
            names = tuple(inner.name for inner in fields(value[0]))
            blocks += [section(f"*{label(field.name)}*\n" + "\n".join(_line(names, one) for one in value[:20]))]
    if after := verb.said_after(answer):
        blocks.append(context(safe_slack(slashed(after))))
    said = ", ".join(f"{name} {value}" for name, value in pairs[:6])
    return message(f"{verb.name}: {said}", blocks)


def _pairs(answer: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for field in fields(answer):
        value = getattr(answer, field.name)
        if _is_list(value):
            continue
        if is_dataclass(value) and not isinstance(value, _WORDED):
            found += [
                (f"{label(field.name)} {label(inner.name)}", shown(inner.name, getattr(value, inner.name)))
                for inner in fields(value)
            ]
        else:
            found.append((label(field.name), shown(field.name, value)))
    return [(name, value) for name, value in found if value != NOTHING]


def _is_list(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and is_dataclass(value[0]) and not isinstance(value[0], _WORDED)


def _done(answer: Done) -> Message:
    return message(answer.message, [section(f"✓ {safe_slack(answer.message)}")])


def _joined(answer: OrgCard) -> Message:
    """The first thing that somebody new reads: where they are, and what to do next."""
    blocks = [
        section(joined_words(answer)),
        buttons(new_request_button()),
        context(f"`{COMMAND} wallet` says what you can spend, `{COMMAND} help` what else can be said"),
    ]
    return message(f"You are in {answer.name}; {COMMAND} deploy asks for a machine", blocks)


def joined_words(answer: OrgCard) -> str:
    role = answer.role.value if answer.role else "member"
    return f"✓ You are in *{safe_slack(answer.name)}* as {role}, one of {answer.members}."


def _invite(answer: InviteCard) -> Message:
    """The code in a line that can be handed on as it is."""
    if answer.code is None:
        return message(f"{answer.id} is {answer.state}", [section(f"{answer.id} is {answer.state}")])
    people = "one person" if answer.uses == 1 else f"{answer.uses} people"
    until = f"good until {moment(answer.expires_at)}"
    blocks = [
        section(f"Hand this to {people} who shall enter as {answer.role.value}:\n`{COMMAND} join {answer.code}`"),
        context(f"{answer.id} · {until} · the code is shown only now"),
    ]
    return message(f"a code for {people} as {answer.role.value} is shown to you", blocks)


def _posting(answer: PostingCard) -> Message:
    """Who gave what to whom."""
    moved = [one for one in answer.items if one.side == "posted"] or list(answer.items)
    said = [f"*{safe_slack(one.account)}* {_signed(Sum(one.credits_ucr, one.gpu_ms))}" for one in moved]
    why = f"“{safe_slack(answer.reason, 500)}” · " if answer.reason else ""
    about = f"{why}{answer.kind} · posting {answer.number} · {safe_slack(answer.actor)} {moment(answer.at)}"
    plain = ", ".join(f"{one.account} {_signed(Sum(one.credits_ucr, one.gpu_ms))}" for one in moved)
    return message(f"{answer.kind}: {plain}", [section("\n".join(said)), context(about)])


def _signed(amount: Sum) -> str:
    plus = "+" if amount.credits_ucr > 0 or (not amount.credits_ucr and amount.gpu_ms > 0) else ""
    return plus + both_books(amount)


def _statement(answer: StatementCard) -> Message:
    said = f"{answer.owner} in {answer.org}: from {both_books(answer.opening)} to {both_books(answer.closing)}"
    blocks: list[Block] = [section(safe_slack(said))]
    blocks += lists.rows(answer.items) or [] if answer.items else [context("nothing moved in between")]
    left = len(answer.items) - lists.MOST_LINES
    if left > 0:
        blocks.append(context(f"{left} more; `bursar statement --csv` in a terminal shows all"))
    return message(said, blocks)


def scheduled(answer: ScheduleLine, *, there: bool = True) -> Message:
    """`there` says whether the bot can post where the report shall go; where it cannot, that comes first."""
    follows = "posts nothing for now" if answer.next_at is None else f"next {moment_utc(answer.next_at)}"
    head = f"{answer.id} is {answer.state}: {answer.when} in {answer.channel}; {follows}"
    if there:
        return message(head, lists.schedule(answer))
    invite = (
        f"⚠ I am not in {lists.channel_words(answer.channel)} yet: say `/invite @bursar` there, or no report comes."
    )
    return message(
        f"{head}; I am not in that channel yet: say /invite @bursar there", [section(invite), *lists.schedule(answer)]
    )


def _forecast(answer: ForecastCard) -> Message:
    """What runs and what will, if everything takes all its time."""
    if not answer.items:
        said = f"nothing runs or waits on {answer.cluster}"
        return message(said, [section(safe_slack(said))])
    head = f"*{safe_slack(answer.cluster)}*, if everything takes all its time"
    if answer.within_percent is not None:
        head += f" · of {answer.judged} starts foretold, {answer.within_percent} % came in time"
    names = [f"{one.name or 'another organization'} on {one.node}" for one in answer.items[:_SPOKEN]]
    return message(f"{answer.cluster}: {', '.join(names)}", [section(head), *(lists.rows(answer.items) or [])])


def _csv(answer: CsvText) -> Message:
    return message("CSV", [section(code(answer.csv)), context("`bursar ... --csv` in a terminal gives it whole")])


def _log(answer: LogText) -> Message:
    if not answer.text:
        words = "it ended without a word" if answer.ended else "nothing yet"
        return message(words, [section(words)])
    how = "the end of what it wrote" if answer.ended else "the newest that it has written"
    return message(f"log of {answer.id}", [section(code(answer.text.rstrip())), context(f"{answer.id} · {how}")])


def _why(answer: WhyCard) -> Message:
    standing = f"is {answer.state.value.replace('_', ' ')}"
    if answer.position is not None:
        standing += f", number {answer.position} in its queue"
    if answer.starts:
        standing += "; it starts next"
    blocks: list[Block] = [section(f"*{safe_slack(answer.name)}* ({answer.id}) {standing}")]
    for one in answer.blockers[:20]:
        said = safe_slack("; ".join(part for part in (_in_the_way(one), one.held) if part))
        if one.earliest_at is not None:
            said += f"; changes {shown('earliest_at', one.earliest_at)}"
        blocks.append(section(f"• {said}"))
        if one.suggestion:
            blocks.append(context(safe_slack(one.suggestion)))
    if answer.promised_at is not None:
        blocks.append(context(f"promised to start by {moment(answer.promised_at)}"))
    reasons = "; ".join(map(_in_the_way, answer.blockers))
    return message(f"{answer.name} {standing}" + (f": {reasons}" if reasons else ""), blocks)


def _in_the_way(blocker: BlockerLine) -> str:
    return blocker.message + (f": {blocker.shortage}" if blocker.shortage is not None else "")


def _preview(answer: PreviewCard) -> Message:
    said = preview_words(answer)
    return message(said, [section(said)])


def preview_words(answer: PreviewCard) -> str:
    """Fit, start and price of a submission that was only tried."""
    if answer.starts_now:
        start = f"starts now on {safe_slack(answer.node or answer.cluster)}"
    elif answer.estimate_at is not None:
        start = f"waits; starts about {shown('estimate_at', answer.estimate_at)}"
    elif answer.not_before_at is not None:
        start = f"waits; not expected before {shown('not_before_at', answer.not_before_at)}"
    else:
        start = "waits; no start can be foreseen"
    words = [start, f"costs {shown('rate', answer.rate)} an hour"]
    if answer.hold.credits_ucr or answer.hold.gpu_ms:
        words.append(f"sets aside {shown('hold', answer.hold)}")
    if answer.needs_approval:
        words.append(f"needs an approval: {safe_slack(answer.needs_approval)}")
    if answer.victims:
        others = "1 other" if len(answer.victims) == 1 else f"{len(answer.victims)} others"
        words.append(f"makes {others} stop for it")
    return " · ".join(words)


def _usage(answer: UsageCard) -> Message:
    lines = [f"*{safe_slack(one.what)}* · {both_books(Sum(one.credits_ucr, one.gpu_ms))}" for one in answer.items]
    total = f"used in all: {both_books(answer.total)}"
    blocks = [section(total), *lists.in_blocks(lines[: lists.MOST_LINES])]
    left = len(lines) - lists.MOST_LINES
    if left > 0:
        blocks.append(context(f"{left} more; `bursar usage --csv` in a terminal shows all"))
    return message(total, blocks)


_OF_VERBS: dict[tuple[str, ...], Callable[[Any], Message]] = {("approvals",): _approvals, ("join",): _joined}
_NOTHING: dict[tuple[str, ...], str] = {
    ("list",): f"nothing of yours to show; {COMMAND} deploy asks for a machine",
    ("report", "list"): f"no reports are scheduled; in a channel, say {COMMAND} report here weekly mon 09:00",
}
_EMPTY: dict[tuple[str, ...], list[Block]] = {
    ("list",): [buttons(new_request_button())],
}
_SENTENCES: dict[type, Callable[[Any], Message]] = {
    CsvText: _csv,
    DeploymentCard: deployment_card,
    Done: _done,
    ForecastCard: _forecast,
    InviteCard: _invite,
    LogText: _log,
    PostingCard: _posting,
    PreviewCard: _preview,
    ReportCard: report,
    ScheduleLine: scheduled,
    StatementCard: _statement,
    UsageCard: _usage,
    WalletCard: wallet,
    WhyCard: _why,
}
