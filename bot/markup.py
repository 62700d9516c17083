"""Text as Slack would show it literally. Everything that a person could have typed passes here on its way out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from core.domain.text import safe_text

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Signs that style what stands between two of them, where they stand at the edge of a word; a backtick does anywhere.
_STYLING = re.compile(r"`|(?<!\w)[*_~]|[*_~](?!\w)")
_LIKE = {"`": "ˋ", "*": "∗", "_": "＿", "~": "∼"}
_MICRO = 1_000_000


def safe_slack(text: str, limit: int = 3000, *, lines: bool = False) -> str:
    """The text with nothing in it that Slack obeys: no mention, link, style or hidden sign; cut to a length."""
    plain = _STYLING.sub(lambda found: _LIKE[found[0]], safe_text(text, lines=lines))
    return _fitted(plain, limit)


def literal(text: str, limit: int = 3000, *, lines: bool = False) -> str:
    """For plain text and code, where styles mean nothing but entities still do."""
    return _fitted(safe_text(text, lines=lines), limit)


def code(text: str, limit: int = 2900) -> str:
    """Lines in a fence that their own backticks cannot close; the end is what is kept, as of a log."""
    shown = safe_text(text, lines=True).replace("`", "ˋ")
    size, begin = 0, len(shown)
    while begin > 0 and size + len(_ENTITIES.get(shown[begin - 1], "x")) <= limit:
        begin -= 1
        size += len(_ENTITIES.get(shown[begin], "x"))
    kept = "".join(_ENTITIES.get(char, char) for char in shown[begin:])
    return f"```{'…' if begin else ''}{kept}```"


def moment(microseconds: int) -> str:
    """An instant in each reader's own zone; in UTC where the client cannot."""
    seconds = microseconds // _MICRO
    utc = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{utc}>"


def moment_utc(microseconds: int) -> str:
    """For where Slack renders no dates: notifications and plain text."""
    return datetime.fromtimestamp(microseconds // _MICRO, UTC).strftime("%Y-%m-%d %H:%M UTC")


def unescaped(text: str) -> str:
    """What a person typed, of what Slack delivered."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _fitted(text: str, limit: int) -> str:
    """Escaped and cut so that no entity is split."""
    if len(text) * 5 <= limit or sum(len(_ENTITIES.get(char, char)) for char in text) <= limit:
        return "".join(_ENTITIES.get(char, char) for char in text)
    kept: list[str] = []
    size = 0
    for char in text:
        piece = _ENTITIES.get(char, char)
        if size + len(piece) > limit - 1:
            break
        kept.append(piece)
        size += len(piece)
    return "".join(kept) + "…"
