"""Where settings come from, which source wins, and that the shipped file says what the code does."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from core.domain.errors import Invalid, Unavailable
from core.settings import Settings, load
from core.settings.declared import SECTIONS, knobs_of, variable_of
from core.settings.loading import SHIPPED
from core.settings.places import find_home, make_home
from core.settings.rules import OnlyEnvironment


def test_the_shipped_file_holds_every_setting_with_the_default_of_the_code():
    document = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert list(document) == [section for section in SECTIONS if section in document]
    for section, kind in SECTIONS.items():
        defaults = kind()
        expected = {
            key: getattr(defaults, name)
            for key, (name, knob) in knobs_of(section).items()
            if not isinstance(knob.rule, OnlyEnvironment)
        }
        read = {key: knobs_of(section)[key][1].rule.read(value) for key, value in document.get(section, {}).items()}
        assert read == expected
        assert list(read) == list(expected), f"[{section}] is in another order than the code"


def test_without_any_source_the_defaults_hold(tmp_path: Path):
    assert load({"BURSAR_HOME": str(tmp_path)}) == Settings(home=tmp_path)


def test_defaults_are_those_that_were_decided():
    settings = Settings(home=Path("/h"))
    assert (settings.accounts.bcrypt_cost, settings.accounts.password_min_length) == (12, 8)
    assert (settings.orgs.allowance_ucr, settings.orgs.allowance_gpu_ms) == (100_000_000, 36_000_000)
    assert (settings.orgs.treasury_ucr, settings.orgs.treasury_gpu_ms) == (10_000_000_000, 3_600_000_000)
    assert (settings.scheduling.aging_points, settings.scheduling.aging_every_ms) == (1, 600_000)
    assert (settings.scheduling.preemption_gap, settings.scheduling.min_run_ms) == (10, 600_000)
    assert (settings.scheduling.grace_ms, settings.scheduling.default_limit_ms) == (120_000, 3_600_000)
    assert settings.clusters.drivers_for_admins == ("scripted",)
    assert settings.database_url.path == Path("/h/bursar.db")
    assert settings.key_file == Path("/h/keys.json")


def test_the_home_wins_over_what_is_shipped_and_a_variable_over_both(tmp_path: Path):
    (tmp_path / "bursar.toml").write_text('[scheduling]\ngrace = "30s"\nmin_run = "5m"\n')
    settings = load({"BURSAR_HOME": str(tmp_path), "BURSAR_SCHEDULING_GRACE": "1.5s"})
    assert settings.scheduling.grace_ms == 1_500
    assert settings.scheduling.min_run_ms == 300_000
    assert settings.scheduling.kill_wait_ms == 30_000


@pytest.mark.parametrize(
    ("variable", "text", "section", "name", "value"),
    [
        ("BURSAR_ACCOUNTS_BCRYPT_COST", "4", "accounts", "bcrypt_cost", 4),
        ("BURSAR_ORGS_OPEN_ORGS", "yes", "orgs", "open_orgs", True),
        ("BURSAR_ORGS_OPEN_ORGS", "False", "orgs", "open_orgs", False),
        ("BURSAR_ORGS_ALLOWANCE_CREDITS", "0.000001", "orgs", "allowance_ucr", 1),
        ("BURSAR_ORGS_ALLOWANCE_GPU_HOURS", "1.5", "orgs", "allowance_gpu_ms", 5_400_000),
        (
            "BURSAR_CLUSTERS_DRIVERS_FOR_ADMINS",
            "scripted, docker",
            "clusters",
            "drivers_for_admins",
            ("scripted", "docker"),
        ),
        ("BURSAR_CLUSTERS_DRIVERS_FOR_ADMINS", " ", "clusters", "drivers_for_admins", ()),
        ("BURSAR_DAEMON_POLL", "0.05s", "daemon", "poll_ms", 50),
        ("BURSAR_REPORTS_TIMEZONE", "Europe/Berlin", "reports", "timezone", "Europe/Berlin"),
        ("SLACK_API_URL", "http://127.0.0.1:9/api/", "slack", "api_url", "http://127.0.0.1:9/api/"),
    ],
)
def test_a_variable_is_read_by_the_rule_of_its_setting(
    tmp_path: Path, variable: str, text: str, section: str, name: str, value: object
):
    settings = load({"BURSAR_HOME": str(tmp_path), variable: text})
    assert getattr(getattr(settings, section), name) == value


def test_an_empty_variable_is_a_variable_that_is_not_set(tmp_path: Path):
    environment = {"BURSAR_HOME": str(tmp_path), "BURSAR_DAEMON_LEASE": "", "SLACK_BOT_TOKEN": ""}
    assert load(environment) == Settings(home=tmp_path)


def test_an_amount_in_the_file_is_exact(tmp_path: Path):
    (tmp_path / "bursar.toml").write_text("[orgs]\nallowance_credits = 0.1\nallowance_gpu_hours = 0.05\n")
    orgs = load({"BURSAR_HOME": str(tmp_path)}).orgs
    assert (orgs.allowance_ucr, orgs.allowance_gpu_ms) == (100_000, 180_000)


def test_every_setting_has_a_variable_of_its_own():
    names = [variable_of(section, key, knob) for section in SECTIONS for key, (_, knob) in knobs_of(section).items()]
    assert len(set(names)) == len(names)


def test_settings_are_frozen(tmp_path: Path):
    settings = Settings(home=tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.home = Path("/")  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        settings.daemon.lease_ms = 1  # type: ignore[misc]
    assert hash(settings.daemon) == hash(Settings(home=tmp_path).daemon)


@pytest.mark.parametrize(
    ("environment", "override", "home"),
    [
        ({"BURSAR_HOME": "/data", "HOME": "/u"}, None, "/data"),
        ({"BURSAR_HOME": "/data", "HOME": "/u"}, "/other", "/other"),
        ({"BURSAR_HOME": "~/b", "HOME": "/u"}, None, "/u/b"),
        ({"BURSAR_HOME": "/data/../x/"}, None, "/x"),
        ({"BURSAR_HOME": "", "XDG_DATA_HOME": "/xdg", "HOME": "/u"}, None, "/xdg/bursar"),
        ({"XDG_DATA_HOME": "not/absolute", "HOME": "/u"}, None, "/u/.local/share/bursar"),
        ({"HOME": "/u"}, None, "/u/.local/share/bursar"),
    ],
)
def test_the_home_is_asked_for_or_named_or_where_xdg_puts_it(
    environment: dict[str, str], override: str | None, home: str
):
    assert find_home(environment, override) == Path(home)


def test_a_relative_home_is_made_absolute_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert find_home({"BURSAR_HOME": "here"}) == tmp_path / "here"


@pytest.mark.parametrize("environment", [{}, {"BURSAR_HOME": "/a\x00b"}, {"BURSAR_HOME": "~/x"}])
def test_a_home_that_cannot_be_meant_is_refused(environment: dict[str, str]):
    with pytest.raises(Invalid) as refused:
        load(environment)
    assert refused.value.code == "home"


def test_a_home_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="is not a folder"):
        find_home({}, tmp_path / "file")


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path):
    make_home(tmp_path / "deep" / "home")
    assert (tmp_path / "deep" / "home").stat().st_mode & 0o777 == 0o700
    make_home(tmp_path / "deep" / "home")


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be made"):
        make_home(tmp_path / "file" / "home")


def test_importing_the_settings_loads_nothing_heavy():
    heavy = ("pydantic", "jwt", "bcrypt", "sqlalchemy", "urllib.request", "asyncio", "zoneinfo", "decimal")
    code = f"import sys, core.settings; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_the_background_works_by_is_told_without_secrets(tmp_path: Path) -> None:
    environ = {"BURSAR_HOME": str(tmp_path), "BURSAR_SCHEDULING_GRACE": "30s", "SLACK_BOT_TOKEN": "xoxb-canary"}
    told = load({**environ, "BURSAR_ACCOUNTS_BCRYPT_COST": "4"}).of_the_background()
    assert told == {"scheduling.grace": "30000"}
