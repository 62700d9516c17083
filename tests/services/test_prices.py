"""Flavors and rates: operators set them, in versions that never reach back; what runs keeps the price of its start."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.clock import HOUR
from core.domain.errors import BursarError, Conflict, Forbidden, Invalid, NotFound
from core.domain.money_requests import FlavorRequest, RatesRequest
from core.domain.periods import iso
from core.domain.roles import Caller
from core.domain.validation import validated
from core.views.money import FlavorLine, RatesLine
from tests.services.conftest import Team

CREDIT = 1_000_000


def operator(team: Team) -> Caller:
    return replace(team.operator, org="vision")


def set_rates(team: Team, *changes: str, cluster: str = "rack", **asked: Any) -> tuple[RatesLine, ...]:
    request = validated(RatesRequest, cluster=cluster, set=changes, **asked)
    return team.world.bursar.prices.set_rates(operator(team), request).items


def set_flavor(team: Team, **asked: Any) -> FlavorLine:
    return team.world.bursar.prices.set_flavor(operator(team), validated(FlavorRequest, **asked))


def test_prices_begin_at_the_defaults_and_change_one_by_one(team: Team) -> None:
    team.world.cluster(team.admin)
    (line,) = team.world.bursar.prices.rates(team.member).items
    assert (line.cluster, line.version, line.gpu_hour_ucr, line.cpu_hour_ucr) == ("rack", 0, 5 * CREDIT, CREDIT // 20)
    (line,) = set_rates(team, "gpu-hour=4", "gpu-hour.NVIDIA H100=9.5", "suspended=0.5")
    assert (line.version, line.gpu_hour_ucr, line.gpu_models) == (1, 4 * CREDIT, {"nvidia-h100": Decimal("9.5")})
    assert (line.suspended_milli, line.stopped_milli, line.cpu_hour_ucr) == (500, 0, CREDIT // 20)
    (line,) = set_rates(team, "cpu-hour=1")
    assert (line.version, line.cpu_hour_ucr, line.gpu_models) == (2, CREDIT, {"nvidia-h100": Decimal("9.5")})


def test_new_prices_may_begin_later_and_are_announced(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin)
    later = world.clock.now() + 2 * HOUR
    now, announced = set_rates(small_team, "gpu-hour=8", **{"from": iso(later)})
    assert (now.gpu_hour_ucr, announced.gpu_hour_ucr, announced.effective_from) == (5 * CREDIT, 8 * CREDIT, later)
    world.advance(2 * HOUR)
    (line,) = world.bursar.prices.rates(small_team.member, "rack").items
    assert line.gpu_hour_ucr == 8 * CREDIT


def test_a_run_keeps_the_rate_of_its_start(small_team: Team) -> None:
    world, mia = small_team.world, small_team.member
    world.cluster(small_team.admin)
    world.submit(mia, "train", hours=4, labels={"sim.duration": "2h"})
    world.bursar.daemon().once()
    set_rates(small_team, "gpu-hour=100")
    world.advance(2 * HOUR)
    world.bursar.daemon().once()
    assert world.bursar.credits.wallet(mia).credits.balance_ucr == 100 * CREDIT - 2 * 5_060_000


def test_new_prices_are_a_new_version_of_the_board_that_previews_are_compared_with(small_team: Team) -> None:
    before = small_team.world.cluster(small_team.admin).version
    set_rates(small_team, "gpu-hour=4")
    assert small_team.world.bursar.clusters.show(small_team.member, "rack").version == before + 1


def test_a_flavor_is_offered_repriced_and_retired(team: Team) -> None:
    made = set_flavor(team, name="Small.GPU", price="3", cpu="4", ram="16", gpu="1")
    assert (made.name, made.version, made.credits_per_hour_ucr, made.state) == ("small.gpu", 1, 3 * CREDIT, "offered")
    team.world.advance(1_000)
    assert set_flavor(team, name="small.gpu", price="2.5", cpu="4", ram="16", gpu="1").version == 2
    team.world.advance(1_000)
    retired = team.world.bursar.prices.retire_flavor(operator(team), "small.gpu")
    assert (retired.version, retired.state) == (3, "retired")
    (line,) = team.world.bursar.prices.flavors(team.member).items
    assert line == retired
    with pytest.raises(NotFound):
        team.world.bursar.prices.retire_flavor(operator(team), "small.gpu")


REFUSED = [
    ("no such price", ("gpu_hour=4",), {}, Invalid, "unknown_price"),
    ("no number", ("gpu-hour=cheap",), {}, Invalid, "malformed_amount"),
    ("a comma", ("gpu-hour=1,5",), {}, Invalid, "malformed_amount"),
    ("no pair", ("gpu-hour",), {}, Invalid, "not_a_pair"),
    ("twice", ("gpu-hour=4", "gpu-hour=5"), {}, Invalid, "given_twice"),
    ("more than the running price", ("suspended=1.5",), {}, Invalid, "share_out_of_range"),
    ("reaching back", ("gpu-hour=4",), {"from": "2025-01-01"}, Conflict, "rates_retroactive"),
    ("a cluster that is not there", ("gpu-hour=4",), {"cluster": "zoo"}, NotFound, "cluster_not_found"),
]


@pytest.mark.parametrize(
    ("changes", "asked", "kind", "code"), [pytest.param(*rest, id=name) for name, *rest in REFUSED]
)
def test_what_cannot_be_a_price_is_refused(
    small_team: Team, changes: tuple[str, ...], asked: dict[str, str], kind: type[BursarError], code: str
) -> None:
    small_team.world.cluster(small_team.admin)
    with pytest.raises(kind) as refused:
        set_rates(small_team, *changes, **asked)
    assert refused.value.code == code
    (line,) = small_team.world.bursar.prices.rates(small_team.member).items
    assert line.version == 0


def test_only_operators_set_prices(small_team: Team) -> None:
    small_team.world.cluster(small_team.admin)
    prices = small_team.world.bursar.prices
    for who in (small_team.member, small_team.admin):
        with pytest.raises(Forbidden):
            prices.set_rates(who, validated(RatesRequest, cluster="rack", set=("gpu-hour=0",)))
        with pytest.raises(Forbidden):
            prices.set_flavor(who, FlavorRequest(name="free", price="0", cpu="1"))
        with pytest.raises(Forbidden):
            prices.retire_flavor(who, "free")


def test_prices_of_a_cluster_of_others_are_not_there(small_team: Team) -> None:
    world = small_team.world
    audio = world.org(small_team.operator, "audio")
    world.cluster(audio, "studio")
    assert world.bursar.prices.rates(small_team.member).items == ()
    with pytest.raises(NotFound):
        world.bursar.prices.rates(small_team.member, "studio")
