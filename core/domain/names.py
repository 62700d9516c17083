"""Names of accounts, organizations, clusters, deployments and the rest: one grammar, one clear refusal each.

Names are ASCII, compared without regard to case and therefore kept in lower case; so no two of them look alike.
Checks look at the length first, so that ten million characters cost nothing. Knows not who already has a name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from core.domain.errors import Invalid
from core.domain.text import refuse_hidden, visible

SHORTEST = 2
LONGEST_ACCOUNT = 32
LONGEST = 63

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DEPLOYMENT_ID = re.compile(r"dep-[a-z0-9]{6}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")

# What a file system or a person could take for something else than a tenant's thing.
_RESERVED_EVERYWHERE = frozenset({".", "..", "con", "prn", "aux", "nul", "all", "none", "null", "self"}) | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)
}
_RESERVED_ACCOUNTS = _RESERVED_EVERYWHERE | {
    "admin",
    "administrator",
    "bursar",
    "channel",
    "daemon",
    "everyone",
    "here",
    "me",
    "mint",
    "nobody",
    "root",
    "slackbot",
    "system",
    "treasury",
}
_RESERVED_LABELS = ("bursar.", "bursar/")
LONGEST_LABEL_VALUE = 255
MOST_LABELS = 64


def check_account_name(text: str, name: str = "name") -> str:
    """`Anna.K` is `anna.k`: the name by which somebody logs in."""
    return _checked(text, name, _ACCOUNT, LONGEST_ACCOUNT, _RESERVED_ACCOUNTS)


def check_name(text: str, name: str = "name") -> str:
    """An organization, a cluster, a node, a flavor, a token or an invite."""
    return _checked(text, name, _NAME, LONGEST, _RESERVED_EVERYWHERE)


def check_deployment_name(text: str, name: str = "name") -> str:
    """As the others, but never in the shape of an id: commands take either."""
    checked = check_name(text, name)
    if _DEPLOYMENT_ID.fullmatch(checked):
        raise Invalid("name_like_id", f"{name}: {visible(text)} looks like an id", "choose another name")
    return checked


def check_reference(text: str, name: str = "id") -> str:
    """What a command names a thing by: its name, its id or the beginning of its id."""
    if not 1 <= len(text) <= LONGEST:
        raise Invalid("name_length", f"{name}: 1–{LONGEST} characters (got {len(text)})", "give a name or an id")
    refuse_hidden(text, name)
    folded = text.lower() if text.isascii() else text
    if not _REFERENCE.fullmatch(folded):
        raise Invalid("name_characters", f"{name}: {visible(text)} is neither a name nor an id", "give a name or an id")
    return folded


def check_gpu_model(text: str, name: str = "gpu_model") -> str:
    """`NVIDIA H200` is `nvidia-h200`, so that a request and a node mean the same model."""
    return check_name("-".join(text.split(" ")) if len(text) <= LONGEST else text, name)


def check_label_key(text: str, name: str = "labels") -> str:
    if not 1 <= len(text) <= LONGEST:
        raise Invalid(
            "label_key", f"{name}: a key has 1–{LONGEST} characters (got {len(text)})", "give a label as key=value"
        )
    refuse_hidden(text, name)
    if not _LABEL_KEY.fullmatch(text):
        raise Invalid(
            "label_key",
            f"{name}: key {visible(text)} may hold only A-Z a-z 0-9 . _ / - and begins and ends with a letter or digit",
            "give a label as key=value, such as team=vision",
        )
    if text.lower().startswith(_RESERVED_LABELS):
        raise Invalid("label_reserved", f"{name}: key {visible(text)} is reserved", "begin it with another word")
    return text


def check_label_value(text: str, name: str = "labels") -> str:
    if len(text) > LONGEST_LABEL_VALUE:
        raise Invalid(
            "label_value",
            f"{name}: a value has at most {LONGEST_LABEL_VALUE} characters (got {len(text)})",
            "keep long text in a file or in the environment",
        )
    refuse_hidden(text, name)
    return text


def suggested_name(text: str) -> str | None:
    """The valid name nearest to what was typed, for a hint; None where nothing is left of it."""
    stem = _NOT_IN_NAMES.sub("-", text[:LONGEST].lower())[: len(text)].strip("._-")
    return stem if len(stem) >= SHORTEST and stem not in _RESERVED_ACCOUNTS else None


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant, for "did you mean"."""
    if len(word) > LONGEST:
        return None
    close = difflib.get_close_matches(word.lower(), list(options), n=1)
    return close[0] if close else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A hint that names the nearest option, or all of them where none is near."""
    choices = sorted(options)
    near = nearest(word, choices)
    return f"did you mean '{near}'?" if near else f"one of {', '.join(choices)}"


def _checked(text: str, name: str, grammar: re.Pattern[str], longest: int, reserved: frozenset[str]) -> str:
    if len(text) > longest:
        raise Invalid("name_length", f"{name}: at most {longest} characters (got {len(text)})", "choose a shorter name")
    # Folding before this look would let letters in that only fold to ASCII, such as the Kelvin sign.
    folded = text.lower() if text.isascii() else text
    if folded in reserved:
        raise Invalid("name_reserved", f"{name}: {visible(text)} is reserved", "choose another name")
    refuse_hidden(text, name)
    if len(text.strip()) < SHORTEST:
        got = "only spaces" if text and not text.strip() else str(len(text))
        raise Invalid("name_length", f"{name}: {SHORTEST}–{longest} characters (got {got})", "choose a longer name")
    if not grammar.fullmatch(folded):
        ends = "begins" if grammar is _ACCOUNT else "begins and ends"
        proposal = suggested_name(text)
        raise Invalid(
            "name_characters",
            f"{name}: {visible(text)} may hold only a-z 0-9 . _ - and {ends} with a letter or digit",
            f"'{proposal}' would do" if proposal else "choose a name such as team-2",
        )
    return folded
