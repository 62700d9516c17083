"""The environment and the labels that a deployment carries: grammar, limits, and what of them must not be shown.

A value may be a secret, so no error quotes one; views and audit show an environment only through `masked`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.domain.errors import Invalid
from core.domain.names import MOST_LABELS, check_label_key, check_label_value
from core.domain.text import refuse_controls, visible

MOST_VARIABLES = 128
LONGEST_VARIABLE_NAME = 128
LARGEST_VALUE = 32 * 1024
LARGEST_ENVIRONMENT = 256 * 1024
MASK = "••••"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_BY_US = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
_PREFIX_OF_OURS = "BURSAR_"

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASS|PWD|CREDENTIAL|PRIVATE|AUTH(?!ORS?(?:_|$))|COOKIE|SIGNATURE|DSN|(?:^|_|API|ACCESS)KEYS?(?:_|$)"
)
# Each part is bounded or cannot be split in two ways, so that a long value costs no more than its length.
_SECRET_VALUE = re.compile(
    r"-----BEGIN |^(?:sk|rk|pk)[-_]|^xox[a-z]-|^xapp-|^gh[a-z]_|^github_pat_|^glpat-|^hf_|^AKIA|^ASIA|^AIza|^eyJ"
    r"|^Bearer |^Basic |[A-Za-z]://[^:/@\s]*:[^/@\s]+@"
)
_LONG_WORD = re.compile(r"[A-Za-z0-9_=+-]{24,}")


def read_environment(given: Mapping[object, object] | Iterable[object], name: str = "env") -> dict[str, str]:
    """From a table, or from words such as `A=1`; at most 128 variables, 32 KiB each and 256 KiB in all."""
    pairs = _pairs(given, name, most=MOST_VARIABLES, what="variables", needs_value=True)
    total = 0
    for variable, value in pairs.items():
        _check_variable(variable, name)
        size = _octets(value)
        total += size + _octets(variable) + 1
        if size > LARGEST_VALUE:
            raise Invalid(
                "env_value_size", f"{name}: {variable} has more than 32 KiB (got {size} bytes)", "pass a file instead"
            )
        refuse_controls(value, f"{name} {variable}", lines=True)
    if total > LARGEST_ENVIRONMENT:
        raise Invalid("env_size", f"{name}: more than 256 KiB in all (got {total} bytes)", "pass a file instead")
    return pairs


def read_labels(given: Mapping[object, object] | Iterable[object], name: str = "labels") -> dict[str, str]:
    """From a table, or from words such as `team=vision` or `urgent`; a key without a value has an empty one."""
    pairs = _pairs(given, name, most=MOST_LABELS, what="labels", needs_value=False)
    return {check_label_key(key, name): check_label_value(value, name) for key, value in pairs.items()}


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """For views and audit: what looks like a secret, by its name or by its value, is not shown."""
    return {name: MASK if looks_secret(name, value) else value for name, value in environment.items()}


def looks_secret(name: str, value: str) -> bool:
    if not value:
        return False
    if _SECRET_NAME.search(name.upper()) or _SECRET_VALUE.search(value):
        return True
    return any(_is_mixed(word) for word in _LONG_WORD.findall(value))


def _is_mixed(word: str) -> bool:
    """Letters of both cases and digits, or nothing but hexadecimal digits: drawn, not written."""
    has_digit = any(char.isdigit() for char in word)
    both_cases = word.lower() != word and word.upper() != word
    is_hex = all(char in "0123456789abcdefABCDEF" for char in word)
    return has_digit and (both_cases or is_hex)


def _pairs(
    given: Mapping[object, object] | Iterable[object], name: str, *, most: int, what: str, needs_value: bool
) -> dict[str, str]:
    if isinstance(given, (str, bytes)):
        raise Invalid("not_a_list", f"{name}: must be a table or a list (got text)", "give key=value for each")
    pairs: dict[str, str] = {}
    items = given.items() if isinstance(given, Mapping) else (_split(word, name, needs_value) for word in given)
    for count, (key, value) in enumerate(items, start=1):
        if count > most:
            raise Invalid("too_many", f"{name}: at most {most} {what}", "leave some out")
        if not isinstance(key, str) or not isinstance(value, str):
            raise Invalid("not_text", f"{name}: keys and values are text", 'write the value in quotes: key = "1"')
        if key in pairs:
            raise Invalid("given_twice", f"{name}: {visible(key)} is given twice", "give it once")
        pairs[key] = value
    return pairs


def _split(word: object, name: str, needs_value: bool) -> tuple[str, str]:
    if not isinstance(word, str):
        raise Invalid("not_text", f"{name}: each is text such as key=value", "give key=value for each")
    key, sign, value = word.partition("=")
    if needs_value and not sign:
        # Without a sign the whole word may be a secret that lost its name.
        raise Invalid("env_no_value", f"{name}: a variable has no '='", "give NAME=VALUE; NAME= sets it to nothing")
    return key, value


def _check_variable(variable: str, name: str) -> None:
    if not 1 <= len(variable) <= LONGEST_VARIABLE_NAME or not _NAME.fullmatch(variable):
        raise Invalid(
            "env_name",
            f"{name}: {visible(variable)} is not the name of a variable (letters, digits and _, at most 128)",
            "give NAME=VALUE",
        )
    if variable in _SET_BY_US or variable.startswith(_PREFIX_OF_OURS):
        raise Invalid("env_reserved", f"{name}: {variable} is set by the platform", "leave it out")


def _octets(text: str) -> int:
    """The size in UTF-8; a lone surrogate, which has none, is refused elsewhere."""
    return len(text.encode("utf-8", "surrogatepass"))
