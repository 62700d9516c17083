"""Secrets in settings: only from private files, never shown (B48, I-M3, E67)."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from core.domain.errors import BursarError, Invalid, Unavailable
from core.settings import Environment, Secret, load, read_private, write_private

CANARY = "canary-7f3a9d1e"


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o602])
def test_B48_a_secret_file_open_to_others_is_refused(tmp_path: Path, mode: int):
    path = private(tmp_path / "token", CANARY, mode)
    with pytest.raises(Invalid) as refused:
        load({"BURSAR_HOME": str(tmp_path), "SLACK_BOT_TOKEN_FILE": str(path)})
    assert f"mode {mode:04o}" in refused.value.message
    assert "chmod 600" in refused.value.message
    assert CANARY not in repr(refused.value) + str(refused.value.fields)


def test_B48_who_says_so_lives_with_open_files(tmp_path: Path):
    path = private(tmp_path / "token", CANARY, 0o644)
    environment = {"BURSAR_HOME": str(tmp_path), "SLACK_BOT_TOKEN_FILE": str(path)}
    by_variable = load({**environment, "BURSAR_SECURITY_INSECURE_PERMISSIONS": "true"})
    assert by_variable.slack.bot_token == Secret(CANARY)
    (tmp_path / "bursar.toml").write_text("[security]\ninsecure_permissions = true\n")
    assert load(environment).slack.bot_token == Secret(CANARY)


@pytest.mark.parametrize(("mode", "fits"), [(0o644, False), (0o600, True), (0o400, True)])
def test_B48_the_settings_file_is_a_secret_file_once_a_password_is_in_it(tmp_path: Path, mode: int, fits: bool):
    private(tmp_path / "bursar.toml", f'[database]\nurl = "postgresql://u:{CANARY}@h/d"\n', mode)
    if fits:
        assert load({"BURSAR_HOME": str(tmp_path)}).database_url.has_password
        return
    with pytest.raises(Invalid, match="open to others") as refused:
        load({"BURSAR_HOME": str(tmp_path)})
    assert CANARY not in str(refused.value) + str(refused.value.fields)


def test_B48_without_a_password_the_settings_file_may_be_read_by_all(tmp_path: Path):
    private(tmp_path / "bursar.toml", '[database]\nurl = "postgresql://u@h/d"\n', 0o644)
    assert load({"BURSAR_HOME": str(tmp_path)}).database_url.database == "d"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_B48_a_secret_file_of_another_user_is_refused(tmp_path: Path):
    path = private(tmp_path / "token", CANARY)
    os.chown(path, 4242, 4242)
    with pytest.raises(Invalid, match="belongs to another user"):
        read_private(path)
    assert read_private(path, insecure=True) == CANARY.encode()


def test_B48_a_pipe_in_the_files_place_does_not_hang_the_start(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(Invalid, match="not a plain file"):
        read_private(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "is empty"), ("\n", "is empty"), ("x" * 70_000, "holds 70000 bytes")],
)
def test_a_secret_file_without_a_usable_secret_is_refused(tmp_path: Path, content: str, said: str):
    path = private(tmp_path / "token", content)
    with pytest.raises(Invalid, match=said):
        Environment({"T_FILE": str(path)}).secret("T")


def test_a_secret_file_that_is_no_text_is_refused(tmp_path: Path):
    path = private(tmp_path / "token", "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="is not UTF-8 text"):
        Environment({"T_FILE": str(path)}).secret("T")


def test_a_secret_given_twice_is_refused(tmp_path: Path):
    with pytest.raises(Invalid, match="both set"):
        Environment({"T": "a", "T_FILE": "b"}).secret("T")


def test_a_secret_comes_from_its_variable_or_its_file_without_the_last_line_end(tmp_path: Path):
    path = private(tmp_path / "token", f" {CANARY} \r\n")
    found = Environment({"T_FILE": str(path)}).secret("T")
    assert found is not None and found.reveal() == f" {CANARY} "
    assert Environment({"T": CANARY}).secret("T") == Secret(CANARY)
    assert Environment({}).secret("T") is None


def test_a_secret_in_the_settings_file_is_refused_and_not_repeated(tmp_path: Path):
    private(tmp_path / "bursar.toml", f'[slack]\nbot_token = "{CANARY}"\n')
    with pytest.raises(Invalid, match="SLACK_BOT_TOKEN or SLACK_BOT_TOKEN_FILE") as refused:
        load({"BURSAR_HOME": str(tmp_path)})
    assert CANARY not in str(refused.value) + str(refused.value.fields)


def test_I_M3_settings_never_show_their_secrets(tmp_path: Path):
    settings = load(
        {
            "BURSAR_HOME": str(tmp_path),
            "BURSAR_DATABASE_URL": f"postgresql://u:{CANARY}@h/d?password={CANARY}",
            "SLACK_BOT_TOKEN": CANARY,
            "SLACK_APP_TOKEN": CANARY,
            "SLACK_SIGNING_SECRET": CANARY,
            "OS_PASSWORD": CANARY,
            "BURSAR_TOKEN": CANARY,
        }
    )
    shown = [repr(settings), str(settings), f"{settings}", repr(settings.database), repr(settings.environment)]
    shown += [repr(settings.database_url), settings.database_url.redacted, settings.database_url.place]
    shown += [f"{settings.slack.bot_token}", str(settings.slack.bot_token), f"{settings.slack.bot_token:>40}"]
    assert not [text for text in shown if CANARY in text]
    assert CANARY in settings.database_url.secret_text
    assert settings.environment["OS_PASSWORD"] == CANARY


@pytest.mark.parametrize(
    "variables",
    [
        {"BURSAR_DATABASE_URL": f"mysql://u:{CANARY}@h/d"},
        {"BURSAR_DATABASE_URL": f"postgresql://u:{CANARY}/x@h"},
        {"BURSAR_DATABASE_URL": f"{CANARY}\x1b"},
        {"BURSAR_DATABASE_URL": f"postgresql://u:{CANARY}/{CANARY}@h/d"},
        {"BURSAR_DATABASE_URL": f"postgresql://u:{CANARY}@h:99999/d"},
        {"SLACK_BOT_TOKEN": CANARY, "SLACK_BOT_TOKEN_FILE": "x"},
    ],
)
def test_I_M3_no_refusal_repeats_a_secret(tmp_path: Path, variables: dict[str, str]):
    with pytest.raises(BursarError) as refused:
        load({"BURSAR_HOME": str(tmp_path), **variables})
    everything = [str(refused.value), repr(refused.value), refused.value.hint, str(refused.value.fields)]
    assert not [text for text in everything if CANARY in str(text)]
    assert refused.value.__cause__ is None


def test_I_M3_a_secret_is_not_pickled_and_not_dumped():
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(CANARY)})
    assert Secret(CANARY) != CANARY
    assert len({Secret(CANARY), Secret(CANARY)}) == 1


def test_E67_a_private_file_is_replaced_as_a_whole(tmp_path: Path):
    path = tmp_path / "file"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_E67_a_failed_write_keeps_the_old_file_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    write_private(path, b"old")

    def disk_full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(Unavailable, match="No space left on device"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
