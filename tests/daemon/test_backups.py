"""Backups that the daemon makes by itself, and those that it lets go."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.daemon.backups import to_keep
from core.settings import Retention
from core.store.manifest import read_manifest
from tests.daemon.world import World

INSTANTS = st.sets(st.integers(0, 400 * 24).map(lambda hours: hours * HOUR + 17 * SECOND), max_size=200)


@given(INSTANTS, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_the_newest_of_each_period_stays_and_no_more_than_asked_for(
    made_at: set[int], hourly: int, daily: int, monthly: int
) -> None:
    rules = Retention(hourly_backups=hourly, daily_backups=daily, monthly_backups=monthly)
    kept = to_keep(made_at, rules)
    assert kept <= made_at
    assert len(kept) <= hourly + daily + monthly
    if made_at and (hourly or daily or monthly):
        assert max(made_at) in kept
    assert to_keep(kept, rules) == kept, "what is kept once is kept as long as nothing newer comes"


def test_a_backup_an_hour_thinned_out_with_age(home: Path) -> None:
    world = World(home, retention=Retention(hourly_backups=3, daily_backups=2, monthly_backups=1))
    daemon = world.daemon()
    assert daemon.lead()
    made = 0
    for _ in range(30):
        world.clock.advance(30 * MINUTE)
        made += daemon.back_up()
    assert made == 15
    world.clock.advance(DAY)
    daemon.back_up()
    left = sorted(home.glob("backups/auto-*.db"))
    assert len(left) == 3, "three hours; the last of the day before is one of them"
    assert all(read_manifest(backup).audit_rows > 0 for backup in left)
    assert len(list(home.glob("backups/auto-*.json"))) == 3
    world.close()


def test_none_is_made_where_none_is_to_be_kept_or_the_store_is_a_servers(home: Path) -> None:
    world = World(home, retention=Retention(hourly_backups=0, daily_backups=0, monthly_backups=0))
    assert world.daemon().back_up() == 0
    assert not (home / "backups").exists()
    world.close()
