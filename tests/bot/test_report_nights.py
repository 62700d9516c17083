"""E25: the nights on which the clocks of a place are changed, through the schedules that report on them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.clock import HOUR, MINUTE
from core.domain.chat import DeliveryKind
from core.domain.periods import iso, read_instant
from tests.bot.scene import Scene
from tests.bot.test_reports import posts, scheduled


@pytest.mark.parametrize(
    ("noon_before", "dues", "hours"),
    [
        # The clock goes from 02:00 to 03:00, so that 02:30 is not shown: it is due as much later, at 03:30.
        ("2026-03-27", ["28T01:30", "29T01:30", "30T00:30", "31T00:30"], [24, 24, 23, 24]),
        # The clock goes from 03:00 to 02:00, so that 02:30 is shown twice: it is due at the first.
        ("2026-10-23", ["24T00:30", "25T00:30", "26T01:30", "27T01:30"], [24, 24, 25, 24]),
    ],
    ids=["spring", "autumn"],
)
async def test_E25_where_the_clock_is_changed_each_day_is_reported_once_and_whole(
    scene: Scene, noon_before: str, dues: list[str], hours: list[int]
) -> None:
    scene.world.advance(read_instant(noon_before, "noon", "UTC") + 12 * HOUR - scene.world.clock.now())
    scene.admin = scene.world.log_in("ana")
    handle = scheduled(scene, "daily 02:30 Europe/Berlin")
    for _ in range(2 * 4 * 24):
        scene.world.advance(30 * MINUTE)
        await scene.courier.tick()
        await scene.delivered(1)
    assert len(posts(scene)) == len(dues)
    assert not [post for post in posts(scene) if "late" in str(post["text"])]
    with scene.world.units.serve() as unit:
        rows = unit.deliveries.of_subjects(DeliveryKind.REPORT, handle)
    assert [iso(int(str(row.data["slot"])))[8:16] for row in reversed(rows)] == dues
    days = sorted((int(str(row.data["since"])), int(str(row.data["until"]))) for row in rows)
    assert [(until - since) // HOUR for since, until in days] == hours
    assert all(until == since for (_, until), (since, _) in pairwise(days)), "no hour twice and none left out"
