"""A balance as it is now: what is there, what is held, what burns and how long it lasts."""

from __future__ import annotations

from bot.blocks.parts import Message, fields, message, section
from bot.markup import moment, moment_utc, safe_slack
from bot.wording import rough_books
from core.views.money import Sum, WalletCard
from core.views.reports import rough_credits, rough_gpu_hours, said_credits, said_gpu_hours


def wallet(card: WalletCard) -> Message:
    credits_left = said_credits(card.credits.available_ucr)
    hours_left = said_gpu_hours(card.gpu_hours.available_gpu_ms)
    text = f"{card.owner} in {card.org}: {credits_left} and {hours_left} to spend"
    ends = _runs_out(card)
    text += f"; they run out at {moment_utc(ends)}" if ends is not None else ""
    whose = f"{safe_slack(card.owner)} in {safe_slack(card.org)}"
    blocks = [section(f"*{credits_left}* and *{hours_left}* to spend · {whose}")]
    if rest := pairs(card)[len(to_spend(card)) :]:
        blocks.append(fields(rest))
    return message(text, blocks)


def to_spend(card: WalletCard) -> list[tuple[str, str]]:
    return [
        ("credits to spend", rough_credits(card.credits.available_ucr)),
        ("GPU-hours to spend", rough_gpu_hours(card.gpu_hours.available_gpu_ms)),
    ]


def pairs(card: WalletCard) -> list[tuple[str, str]]:
    ends = _runs_out(card)
    found = to_spend(card)
    if card.credits.held_ucr or card.gpu_hours.held_gpu_ms:
        held = Sum(card.credits.held_ucr, card.gpu_hours.held_gpu_ms)
        found.append(("set aside", rough_books(held)))
    burns = Sum(card.credits.burn_per_hour_ucr, card.gpu_hours.burn_per_hour_gpu_ms)
    if burns.credits_ucr or burns.gpu_ms:
        found.append(("burns an hour", rough_books(burns)))
    if ends is not None:
        found.append(("runs out", moment(ends)))
    return found


def _runs_out(card: WalletCard) -> int | None:
    ends = [at for at in (card.credits.runs_out_at, card.gpu_hours.runs_out_at) if at is not None]
    return min(ends, default=None)
