"""Reading `spec.toml`: the same fields as `submit`, in a file of bounded size and depth."""

from __future__ import annotations

import re
import tomllib

from core.domain.errors import Invalid
from core.domain.names import did_you_mean
from core.domain.text import refuse_controls, safe_text, visible
from core.domain.validation import MOST_FAULTS_SHOWN
from core.domain.workloads import SubmitRequest

LARGEST_SPEC = 64 * 1024
DEEPEST_SPEC = 4

# A dotted key costs the parser the square of its parts; none of ours has more than two.
_LONG_KEY = re.compile(r"""(?:\.[ \t]*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*){64}""")

# Said with the command, not kept in a file.
_OF_ONE_CALL = frozenset({"dry_run", "if_version", "key"})
SPEC_KEYS: tuple[str, ...] = tuple(
    field.alias or name for name, field in SubmitRequest.model_fields.items() if name not in _OF_ONE_CALL
)


def read_spec(content: bytes) -> dict[str, object]:
    """The values for a SubmitRequest, not yet validated; unknown keys are refused all at once."""
    if len(content) > LARGEST_SPEC:
        raise Invalid("spec_size", f"spec: at most 64 KiB (got {len(content)} bytes)", "keep data in another file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("spec_not_utf8", f"spec: byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from None
    refuse_controls(text.replace("\r\n", "\n"), "spec", lines=True)
    if _LONG_KEY.search(text):
        raise _too_deep()
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(
            "spec_not_toml", f"spec: {safe_text(str(error))}", 'write lines such as cpu = 2 or image = "x"'
        ) from None
    except ValueError:
        # Python refuses to read integers of thousands of digits, and the parser lets that through.
        raise Invalid("spec_not_toml", "spec: a number in it has too many digits", "write amounts such as 8") from None
    except RecursionError:
        raise _too_deep() from None
    if _deeper_than(values, DEEPEST_SPEC):
        raise _too_deep()
    unknown = [key for key in values if key not in SPEC_KEYS]
    if unknown:
        raise _unknown(unknown)
    return values


def _too_deep() -> Invalid:
    return Invalid("spec_too_deep", f"spec: more than {DEEPEST_SPEC} levels deep", "labels and env are plain tables")


def _deeper_than(value: object, levels: int) -> bool:
    """Looks no further down than `levels`, however deep the value is."""
    if not isinstance(value, (dict, list)):
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_deeper_than(item, levels - 1) for item in inner)


def _unknown(keys: list[str]) -> Invalid:
    fields: dict[str, dict[str, str]] = {}
    for key in keys[:MOST_FAULTS_SHOWN]:
        hint = did_you_mean(key, SPEC_KEYS)
        message = f"{visible(key)}: there is no such key"
        fields[visible(key)[1:-1]] = {"code": "unknown_field", "message": message, "hint": hint}
    listed = ", ".join(map(visible, keys[:MOST_FAULTS_SHOWN]))
    hints = "; ".join(f"{key}: {fault['hint']}" for key, fault in fields.items())
    return Invalid("unknown_field", f"spec: unknown {'keys' if len(keys) > 1 else 'key'} {listed}", hints, fields)
