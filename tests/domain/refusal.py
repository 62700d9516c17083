"""What every refusal of the domain owes to the one who reads it, and tables of cases that are named by a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from core.domain.errors import BursarError
from core.domain.text import safe_text

LONGEST_MESSAGE = 400


def refusal(call: Callable[..., object], *arguments: object, **named: object) -> BursarError:
    """The error that the call ends in, after a look that it is short, has a hint that helps and hides nothing."""
    with pytest.raises(BursarError) as caught:
        call(*arguments, **named)
    error = caught.value
    for text in (error.message, error.hint or ""):
        assert safe_text(text) == text
        assert len(text) <= LONGEST_MESSAGE
        text.encode()
    assert error.code
    assert error.code == error.code.lower()
    return error


def table(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pytest.MarkDecorator:
    """Cases whose first column is the sentence that names them."""
    return pytest.mark.parametrize(names, [pytest.param(*row[1:], id=str(row[0])) for row in rows])
