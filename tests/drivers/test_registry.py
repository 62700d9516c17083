"""Finding drivers: ours, those of other packages, and those that are broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.domain.engines import Capabilities, Setting, Site
from core.domain.errors import Invalid, NotFound, Unavailable
from core.drivers.registry import GROUP, OF_THIS_HOUSE, DriverRegistry
from core.drivers.scripted import ScriptedDriver


class ThirdParty(ScriptedDriver):
    capabilities = Capabilities("of another package")
    settings = (*ScriptedDriver.settings, Setting("region", "where"))
    secret_names = ("THIRD_KEY",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.site = site


class Unfinished:
    capabilities = Capabilities("half a driver")

    def ensure(self) -> None: ...


def a_point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def a_registry(tmp_path: Path, *points: EntryPoint, **environ: str) -> DriverRegistry:
    return DriverRegistry(home=tmp_path, clock=ManualClock(), environ=environ, find=lambda: points)


HERE = "tests.drivers.test_registry"


def test_ours_are_found_without_installed_metadata(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    assert registry.names() == tuple(sorted(OF_THIS_HOUSE))
    assert registry.problems() == ()
    assert registry.capabilities("process").shell_on_host
    assert registry.capabilities("scripted").simulated


def test_what_is_installed_says_the_same_as_the_table(tmp_path: Path) -> None:
    registry = DriverRegistry(home=tmp_path, clock=ManualClock(), environ={})
    assert set(registry.names()) >= set(OF_THIS_HOUSE)
    assert registry.problems() == ()


def test_engines_of_this_host_are_found_containers_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.drivers.docker.driver.sockets_here", lambda: ("unix:///run/a.sock", "unix:///run/b.sock"))
    found = a_registry(tmp_path, a_point("broken", "nowhere:Driver")).here()
    assert [(engine.driver, dict(engine.settings)) for engine in found] == [
        ("docker", {"host": "unix:///run/a.sock"}),
        ("docker", {"host": "unix:///run/b.sock"}),
        ("process", {}),
    ]


def test_another_package_registers_like_ours(tmp_path: Path) -> None:
    registry = a_registry(tmp_path, a_point("third", f"{HERE}:ThirdParty"))
    assert "third" in registry.names()
    assert registry.capabilities("third").summary == "of another package"
    assert "region" in {setting.name for setting in registry.settings("third")}
    assert isinstance(registry.open("third", "c1", {"region": "north"}), ThirdParty)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("no.such.module:Driver", "No module named 'no'"),
        (f"{HERE}:NoSuchClass", "NoSuchClass"),
        (f"{HERE}:Unfinished", "lacks observe, stop"),
        (f"{HERE}:a_point", "lacks ensure"),
    ],
)
def test_a_broken_plug_in_is_named_and_hinders_no_other(tmp_path: Path, value: str, named: str) -> None:
    registry = a_registry(tmp_path, a_point("third", value))
    with pytest.raises(Unavailable) as refused:
        registry.capabilities("third")
    assert refused.value.code == "driver_broken"
    assert named in refused.value.message and value in refused.value.message
    assert [problem.message for problem in registry.problems()] == [refused.value.message]
    assert registry.capabilities("scripted").simulated


def test_nobody_takes_the_name_of_one_of_ours(tmp_path: Path) -> None:
    registry = a_registry(tmp_path, a_point("scripted", f"{HERE}:ThirdParty"))
    assert registry.capabilities("scripted") is ScriptedDriver.capabilities
    (problem,) = registry.problems()
    assert f"{HERE}:ThirdParty" in problem.message


def test_two_packages_that_claim_one_name_are_both_named(tmp_path: Path) -> None:
    registry = a_registry(tmp_path, a_point("third", f"{HERE}:ThirdParty"), a_point("third", f"{HERE}:Unfinished"))
    with pytest.raises(Unavailable, match="both claim"):
        registry.capabilities("third")


def test_B16_an_unknown_driver_is_not_found_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        a_registry(tmp_path).capabilities("proces")
    assert refused.value.hint == "did you mean 'process'?"


def test_B47_all_that_is_wrong_with_the_settings_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        a_registry(tmp_path).validated("scripted", {"auht": "x", "auth": "maybe", "seed": "a\x1b[2J"})
    assert "did you mean 'auth'?" in refused.value.message
    assert "'maybe' is none of open, required" in refused.value.message
    assert "seed: at most" in refused.value.message


@pytest.mark.parametrize(
    ("driver", "wrong"),
    [
        ("scripted", {"no_capacity": "2"}),
        ("scripted", {"no_capacity": "a lot"}),
        ("scripted", {"faults": "ensure"}),
        ("scripted", {"faults": "dance:hang"}),
        ("scripted", {"faults": "ensure:plague"}),
        ("scripted", {"boot": "soon"}),
        ("scripted", {"visible_after": "10s"}),
        ("scripted", {"nodes": "0"}),
        ("scripted", {"node_gpu": "1.5"}),
        ("process", {"run_as": "root"}),
        ("process", {"run_as": "a b; rm"}),
        ("process", {"trust": "everybody"}),
        ("process", {"cgroup": "relative"}),
        ("process", {"log_size": "0"}),
        ("process", {"keeper_idle": "never"}),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, driver: str, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        a_registry(tmp_path).validated(driver, wrong)


def test_a_local_cluster_keeps_the_host_where_it_was_created(tmp_path: Path) -> None:
    kept = a_registry(tmp_path).validated("process", {"trust": "members"})
    assert kept["trust"] == "members"
    assert kept["machine"].startswith("m-")
    assert a_registry(tmp_path).validated("process", {"machine": "m-elsewhere"})["machine"] == "m-elsewhere"


def test_a_driver_gets_only_the_secrets_that_it_names(tmp_path: Path) -> None:
    registry = a_registry(tmp_path, a_point("third", f"{HERE}:ThirdParty"), THIRD_KEY="k", BURSAR_TOKEN="t")
    driver: Any = registry.open("third", "c1", {})
    assert driver.site.secrets == {"THIRD_KEY": "k"}


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    point = a_point("third", f"{HERE}:ThirdParty")
    driver: Any = a_registry(tmp_path, point, THIRD_KEY_FILE=str(tmp_path / "key")).open("third", "c1", {})
    assert driver.site.secrets == {"THIRD_KEY": "from-file"}
    with pytest.raises(Invalid, match="THIRD_KEY_FILE"):
        a_registry(tmp_path, point, THIRD_KEY_FILE=str(tmp_path / "none")).open("third", "c1", {})


@pytest.mark.parametrize("key", ["", "..", "../up", "a/b", "x" * 65, "a\0"])
def test_B22_a_cluster_key_that_leaves_its_directory_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Invalid):
        a_registry(tmp_path).open("scripted", key, {})
