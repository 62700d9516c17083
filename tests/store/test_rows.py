"""Rows come back as they went in, whichever way is taken for what is common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.ledger.meter import FREE, WHOLE, Segment, Share
from core.store.repositories import journal, runs
from core.store.repositories.deployments import as_text

_SHARES = st.sampled_from([WHOLE, FREE, Share(750, 1000), Share(1000, 100)])
_SEGMENTS = st.lists(st.builds(Segment, st.integers(0, 2**60), _SHARES, st.booleans()), min_size=1, max_size=3)


@given(_SEGMENTS)
def test_segments_are_read_as_they_were_written(segments: list[Segment]) -> None:
    text = runs._segments_text(tuple(segments))
    assert runs._segments(text) == tuple(segments)


def test_a_fact_that_equals_another_is_not_taken_for_it() -> None:
    facts: list[dict[str, object]] = [{"a": "1"}, {"a": 1}, {"a": True}, {"a": 1.0}, {"b": "1", "a": "2"}]
    assert [journal._text(one) for one in facts] == [
        '{"a":"1"}',
        '{"a":1}',
        '{"a":true}',
        '{"a":1.0}',
        '{"a":"2","b":"1"}',
    ]
    assert journal._text(None) is None


def test_what_says_nothing_is_written_as_an_empty_list_or_table() -> None:
    assert [as_text(()), as_text({}), as_text(("a b",)), as_text({"a": "ü"})] == [
        "[]",
        "{}",
        '["a b"]',
        '{"a": "\\u00fc"}',
    ]
