"""A balance as it is now: what is there, what is held, what burns and how long it lasts."""

from __future__ import annotations

from bot.blocks.parts import Message, fields, message, section
from bot.markup import moment, safe_slack
from core.domain.flavors import format_credits, format_gpu_hours
from core.views.money import WalletCard


def wallet(card: WalletCard) -> Message:
    credits_left, hours_left = (
        format_credits(card.credits.available_ucr),
        format_gpu_hours(card.gpu_hours.available_gpu_ms),
    )
    text = f"{card.owner} in {card.org}: {credits_left} credits and {hours_left} GPU-hours to spend"
    return message(text, [section(f"*{safe_slack(card.owner)}* in {safe_slack(card.org)}"), fields(pairs(card))])


def pairs(card: WalletCard) -> list[tuple[str, str]]:
    ends = [at for at in (card.credits.runs_out_at, card.gpu_hours.runs_out_at) if at is not None]
    found = [
        ("credits to spend", format_credits(card.credits.available_ucr)),
        ("GPU-hours to spend", format_gpu_hours(card.gpu_hours.available_gpu_ms)),
    ]
    if card.credits.held_ucr or card.gpu_hours.held_gpu_ms:
        held = f"{format_credits(card.credits.held_ucr)} credits, {format_gpu_hours(card.gpu_hours.held_gpu_ms)} GPU-h"
        found.append(("set aside", held))
    if card.credits.burn_per_hour_ucr:
        found.append(("burns an hour", f"{format_credits(card.credits.burn_per_hour_ucr)} credits"))
    if ends:
        found.append(("runs out", moment(min(ends))))
    return found
