"""Mistakes in settings: all found at once, each with its place and what would be right (B47, E67)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.settings import load
from core.settings.loading import SHIPPED
from core.settings.toml_file import LARGEST


def refusal(home: Path, toml: str | bytes = "", **variables: str) -> Invalid:
    content = toml if isinstance(toml, bytes) else toml.encode()
    (home / "bursar.toml").write_bytes(content)
    with pytest.raises(Invalid) as refused:
        load({"BURSAR_HOME": str(home), **variables})
    assert refused.value.code == "settings"
    return refused.value


def problems(error: Invalid) -> list[tuple[object, object, object]]:
    found = error.fields["problems"]
    assert isinstance(found, list)
    return [(problem["line"], problem["key"], problem["right"]) for problem in found]


def test_B47_all_mistakes_are_named_at_once_each_with_file_line_key_and_the_nearest_right_one(tmp_path: Path):
    error = refusal(
        tmp_path,
        '[shedule]\ngrace = "1s"\n\n[scheduling]\ngraze = "1s"\nmin_run = 600\n\n[orgs]\nbackfill_depth = 3\n',
        BURSAR_DAEMON_LEESE="9s",
        BURSAR_ACCOUNTS_BCRYPT_COST="twelve",
    )
    assert problems(error) == [
        (1, "shedule", "did you mean scheduling?"),
        (5, "scheduling.graze", "did you mean grace?"),
        (6, "scheduling.min_run", "give a number and one of s m h d w, from 0s to 7d, in quotes"),
        (9, "orgs.backfill_depth", "it belongs under [scheduling]"),
        (None, "BURSAR_ACCOUNTS_BCRYPT_COST", "give a whole number from 4 to 16"),
        (None, "BURSAR_DAEMON_LEESE", "did you mean BURSAR_DAEMON_LEASE?"),
    ]
    assert error.message.startswith("6 settings are wrong:\n  ")
    assert f"{tmp_path}/bursar.toml, line 5: scheduling.graze: unknown key; did you mean grace?" in error.message


def test_B47_one_mistake_is_one_line(tmp_path: Path):
    error = refusal(tmp_path, "[daemon]\nlease = 5\n")
    assert error.message.count("\n") == 0
    assert "daemon.lease: 5 is not a duration" in error.message


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[daemon]\nlease = '9s'\nlease = '8s'\n", "line 3: lease: the key is given twice"),
        ("[daemon]\nlease = '9s'\n[daemon]\npoll = '1s'\n", "line 3: the section is given twice"),
        ("[daemon]\nlease = 9s\n", "line 2: lease: is not TOML"),
        ("[daemon]\nlease\n", "line 2: is not TOML"),
        ("[daemon\nlease = '9s'\n", "line 1: is not TOML"),
        ("[daemon]\nlease = '9s\n", "line 2: lease: is not TOML"),
        ("lease = '9s'\n", "line 1: lease: unknown key; it belongs under [daemon]"),
        ("daemon = 3\n", "line 1: daemon: unknown key; did you mean daemon?"),
        ("[daemon.lease]\nx = 1\n", "daemon.lease: {'x': 1} is not a duration"),
        ("[[daemon]]\nlease = '9s'\n", "daemon: unknown key"),
        ("[nothing]\n", "line 1: nothing: unknown section; known: security"),
        ("[orgs]\nopen_orgs = 'true'\n", "'true' is neither true nor false; give true or false, without quotes"),
        ("[orgs]\nallowance_credits = true\n", "True is not a number"),
        ("[orgs]\nallowance_credits = -1\n", "'-1' is not a number from 0"),
        ("[orgs]\nallowance_credits = nan\n", "'nan' is not a number from 0"),
        ("[orgs]\nallowance_credits = 0.0000001\n", "is not a number from 0"),
        ("[orgs]\nallowance_credits = 1000000001\n", "give fewer decimals or a smaller number"),
        ("[accounts]\nbcrypt_cost = 17\n", "17 is out of range; give a whole number from 4 to 16"),
        ("[accounts]\nbcrypt_cost = 12.0\n", "12.0 is not a whole number"),
        ("[accounts]\nbcrypt_cost = true\n", "True is not a whole number"),
        ("[accounts]\nbcrypt_cost = 0x" + "f" * 9000 + "\n", "a huge number is out of range"),
        ("[accounts]\nbcrypt_cost = " + "9" * 9000 + "\n", "is not TOML"),
        ("[accounts]\nbcrypt_cost = " + "[" * 5000 + "\n", "is nested too deeply"),
        ("[database]\nurl = 5\n", "database.url: what is there is not text"),
        ("[daemon]\nlease = [\n", "is not TOML: Invalid value before the end of the file"),
        ("[daemon]\nlease = '1s'\n", "'1s' is out of range"),
        ("[daemon]\nlease = 'soon'\n", "'soon' is not a duration"),
        ("[daemon]\nlease = '９s'\n", "is not a duration"),
        ("[scheduling]\npolicy = 'fare'\n", "'fare' is unknown; did you mean fair?"),
        ("[clusters]\nregistries = 'one'\n", "'one' is not a list of texts"),
        ("[clusters]\nregistries = ['ok', ' ']\n", "one of the texts is empty"),
        ("[reports]\ntimezone = 'Europe/Berln'\n", "is no known time zone; did you mean Europe/Berlin"),
        ("[reports]\ntimezone = '../etc'\n", "is no known time zone"),
        ("[slack]\napi_url = 'slack.com'\n", "does not begin with https:// or http://"),
        ('[slack]\napi_url = "https://a\\u202Eb"\n', "invisible character at position 10"),
        ("[run_out]\nnotice_percent = 99\n", "comes after approval is already needed; give at most 95"),
    ],
)
def test_B47_a_mistake_in_the_file_says_what_and_where(tmp_path: Path, toml: str, said: str):
    assert said in refusal(tmp_path, toml).message


def test_B47_a_twice_given_section_hides_no_other_mistake_and_makes_none(tmp_path: Path):
    error = refusal(tmp_path, "[orgs]\n[daemon]\n[orgs]\nopen_orgs = true\n\n[accounts]\nbcrypt_cost = 1\n")
    assert [line for line, _, _ in problems(error)] == [3, 7]


@pytest.mark.parametrize(
    ("name", "toml"),
    [
        ("a byte-order mark", "\ufeff[daemon]\nlease = '9s'\n".encode()),
        ("tabs for indentation", b"[daemon]\n\tlease\t=\t'9s'\n"),
        ("the line ends of another system", b"[daemon]\r\nlease = '9s'\r\n"),
        ("a dotted key", b"daemon.lease = '9s'\n"),
    ],
)
def test_B47_what_is_harmless_is_read(tmp_path: Path, name: str, toml: bytes):
    (tmp_path / "bursar.toml").write_bytes(toml)
    assert load({"BURSAR_HOME": str(tmp_path)}).daemon.lease_ms == 9_000


def test_B47_a_variable_that_names_a_missing_file_is_named(tmp_path: Path):
    error = refusal(tmp_path, BURSAR_DATABASE_URL_FILE=str(tmp_path / "gone"))
    assert f"BURSAR_DATABASE_URL: BURSAR_DATABASE_URL_FILE: {tmp_path}/gone cannot be read" in error.message


@pytest.mark.parametrize(
    "variable",
    [
        "BURSAR_SERVICE_HOST",
        "BURSAR_PORT_5432_TCP_ADDR",
        "BURSAR_DAEMON_SERVICE_PORT",
        "BURSAR_SIMULATOR_KEY",
        "BURSAR_TOKEN",
        "BURSARY_HOME",
    ],
)
def test_B47_variables_of_others_are_left_alone(tmp_path: Path, variable: str):
    load({"BURSAR_HOME": str(tmp_path), variable: "x"})


@pytest.mark.parametrize("text", ["maybe", "2", "yess", "１"])
def test_B47_a_variable_that_is_neither_true_nor_false_is_refused(tmp_path: Path, text: str):
    assert "neither true nor false; give true or false" in refusal(tmp_path, BURSAR_ORGS_OPEN_ORGS=text).message


def test_B47_a_file_that_is_no_settings_at_all_is_not_listed_line_by_line_for_ever(tmp_path: Path):
    assert len(problems(refusal(tmp_path, "a line of prose\n" * 500))) == 20


def test_B47_a_mistyped_variable_is_refused_not_ignored(tmp_path: Path):
    assert "did you mean BURSAR_DATABASE_URL?" in refusal(tmp_path, BURSAR_DATABSE_URL="x").message


@pytest.mark.parametrize(
    ("name", "toml", "said"),
    [
        ("random bytes", b"\x80\x81\x82", "line 1: is not UTF-8 text"),
        ("another encoding", "[daemon]\n".encode("utf-16"), "is not UTF-8 text"),
        ("zeros after a power cut", b"[daemon]\n" + b"\0" * 64, "line 2: is not TOML"),
        ("a huge file", b"#" * (LARGEST + 1), f"is larger than {LARGEST} bytes"),
    ],
)
def test_E67_a_corrupt_file_is_refused_by_name(tmp_path: Path, name: str, toml: bytes, said: str):
    assert said in refusal(tmp_path, toml).message


def test_E67_a_folder_in_the_files_place_is_refused_by_name(tmp_path: Path):
    (tmp_path / "bursar.toml").mkdir()
    with pytest.raises(Invalid, match=r"bursar.toml: cannot be read"):
        load({"BURSAR_HOME": str(tmp_path)})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.integers(0, SHIPPED.stat().st_size))
def test_E67_a_file_written_in_part_is_read_or_refused_with_its_place(tmp_path: Path, length: int):
    (tmp_path / "bursar.toml").write_bytes(SHIPPED.read_bytes()[:length])
    try:
        load({"BURSAR_HOME": str(tmp_path)})
    except Invalid as error:
        assert str(tmp_path / "bursar.toml") in error.message


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.binary(max_size=200) | st.text("[]=\"'#.\n \t0123456789abcdaemonlease", max_size=120).map(str.encode),
    st.dictionaries(
        st.sampled_from(["BURSAR_DAEMON_LEASE", "BURSAR_DATABASE_URL", "BURSAR_ORGS_TREASURY_CREDITS", "BURSAR_X"]),
        st.text(max_size=30),
    ),
)
def test_B47_whatever_is_given_the_answer_is_settings_or_a_refusal(
    tmp_path: Path, toml: bytes, variables: dict[str, str]
):
    (tmp_path / "bursar.toml").write_bytes(toml)
    try:
        loaded = load({"BURSAR_HOME": str(tmp_path), **variables})
    except Invalid as error:
        assert error.code == "settings" and error.fields["problems"]
    else:
        assert loaded.home == tmp_path
