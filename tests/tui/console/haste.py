"""What a console under test need not do again and again: parse the same styles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from textual.css import stylesheet


@contextmanager
def styles_parsed_once() -> Iterator[None]:
    """A sheet remembers its rules; each app has a sheet of its own, with the same rules for the same colours."""
    values: dict[frozenset[tuple[str, str]], Any] = {}
    rules: dict[Any, list[Any]] = {}
    tokenize, parse = stylesheet.tokenize_values, stylesheet.parse

    def tokenize_once(variables: dict[str, str]) -> Any:
        key = frozenset(variables.items())
        if key not in values:
            values[key] = tokenize(variables)
        return values[key]

    def parse_once(scope: str, css: str, read_from: Any, variable_tokens: Any, **more: Any) -> list[Any]:
        key = (scope, css, read_from, id(variable_tokens), *sorted(more.items()))  # those tokens are never let go
        if key not in rules:
            rules[key] = list(parse(scope, css, read_from, variable_tokens=variable_tokens, **more))
        return rules[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stylesheet, "tokenize_values", tokenize_once)
        patch.setattr(stylesheet, "parse", parse_once)
        yield
