from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.house import tree


@pytest.fixture(scope="package", autouse=True)
def forgotten() -> Iterator[None]:
    """The whole tree as syntax is half a gigabyte, which every later collection of garbage would walk through."""
    yield
    tree.modules.cache_clear()
