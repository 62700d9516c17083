"""Who is asked for what: sessions in a private file, tokens for scripts, passwords that are never arguments."""

from __future__ import annotations

import json
import stat

import pytest

from tests.tui.cli.shell import PASSWORD, Shell

OTHER = "another good phrase"


def test_a_session_is_a_private_file_that_login_replaces_and_logout_removes(team: Shell) -> None:
    file = team.folder / "session.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["name"] == "olga"
    team.log_in("ben")
    assert team.done("whoami --json").json["name"] == "ben"
    team.done("logout")
    assert not file.exists()
    assert team("logout").code == 3


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_session_that_others_may_read_is_refused(team: Shell, mode: int) -> None:
    (team.folder / "session.json").chmod(mode)
    ran = team("whoami")
    assert ran.code == 2
    assert "holds a secret and is open to others" in ran.err
    assert "chmod 600" in ran.err


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe"])
def test_a_file_that_is_no_session_is_named(team: Shell, content: bytes) -> None:
    (team.folder / "session.json").write_bytes(content)
    ran = team("whoami")
    assert ran.code == 2
    assert ran.err.endswith("session.json holds no session\nhint: bursar login NAME\n")
    team.log_in("olga")
    assert team("whoami").code == 0, "login does not mind what it replaces"


def test_a_home_made_by_the_program_is_for_its_owner_alone(shell: Shell) -> None:
    shell.environ["BURSAR_HOME"] = str(shell.folder / "deep" / "inside")
    shell.done("init --operator olga --password-stdin", stdin=[PASSWORD])
    assert stat.S_IMODE((shell.folder / "deep" / "inside").stat().st_mode) == 0o700


def test_a_token_from_the_environment_comes_before_the_session(team: Shell) -> None:
    token = team.done("token create ci --scope read --expires 1d --json").json["token"]
    team.log_in("ben")
    team.environ["BURSAR_TOKEN"] = token
    me = team.done("whoami --json").json
    assert (me["name"], me["scope"]) == ("olga", "read")
    assert team("org create other").code == 3
    session = (team.folder / "session.json").read_bytes()
    team.done("logout")
    assert (team.folder / "session.json").read_bytes() == session, "the session is not the token's to end"
    assert team("whoami").code == 3


def test_a_session_ends_with_its_time_and_with_a_new_password(team: Shell) -> None:
    team.log_in("ben")
    changed = team.done("passwd", typed=[PASSWORD, OTHER, OTHER])
    assert changed.asked == ["old password: ", "new password: ", "new password, again: "]
    assert changed.out == "password changed; log in again\n"
    assert not (team.folder / "session.json").exists()
    team.done("login ben --password-stdin", stdin=[OTHER])
    team.clock.advance(13 * 3600 * 1_000_000)
    ran = team("org list")
    assert (ran.code, ran.err) == (3, "error: session not valid, log in\nhint: bursar login NAME\n")
    assert team("logout").code == 3
    assert not (team.folder / "session.json").exists(), "what is worth nothing is not kept"


def test_a_wrong_old_password_ends_nothing(team: Shell) -> None:
    assert team("passwd --password-stdin", stdin=["not this one", OTHER]).code == 3
    assert team.done("whoami --json").json["name"] == "olga"


def test_passwords_are_asked_for_unseen_and_twice_when_they_are_new(shell: Shell) -> None:
    differ = shell("init --operator olga", typed=[PASSWORD, PASSWORD + "x"])
    assert (differ.code, differ.err) == (2, "error: the two passwords are not the same\nhint: try again\n")
    assert shell("login olga", typed=[PASSWORD]).asked == ["password: "]


def test_without_a_terminal_a_password_must_come_by_stdin(shell: Shell) -> None:
    ran = shell("register ben")
    assert ran.code == 2
    assert ran.err == "error: the password is needed, and there is nobody to ask\nhint: give --password-stdin\n"
    assert shell(["register", "ben", "--password", PASSWORD]).code == 2


@pytest.mark.parametrize("line", ["init --operator olga", "register olga", "login olga"])
def test_a_password_is_never_shown(shell: Shell, line: str) -> None:
    short = "xyzzy"
    ran = shell(f"{line} --password-stdin --json", stdin=[short])
    assert ran.code in (2, 3)
    assert short not in ran.out + ran.err


def test_a_stale_session_does_not_hinder_a_newcomer(team: Shell) -> None:
    team.clock.advance(13 * 3600 * 1_000_000)
    assert team.done("register carla --password-stdin", stdin=[PASSWORD]).code == 0


def test_where_registration_is_closed_an_operator_makes_the_accounts(team: Shell) -> None:
    team.environ["BURSAR_ACCOUNTS_OPEN_REGISTRATION"] = "false"
    team.done("register carla --password-stdin", stdin=[PASSWORD])
    team.log_in("carla")
    assert team("register dora --password-stdin", stdin=[PASSWORD]).code == 3


def test_a_named_org_counts_for_one_command(team: Shell) -> None:
    team.done("org create audio")
    assert team.done("whoami --org VISION --json").json["org"] == "vision"
    assert team.done("--org vision whoami --json").json["org"] == "vision"
    assert team.done("whoami --json").json["org"] == "audio"
    assert team("whoami --org elsewhere").code == 4
    assert team(["whoami", "--org", "\udcff"]).code == 2


def test_a_named_home_is_another_installation(team: Shell) -> None:
    elsewhere = team.folder.parent / "elsewhere"
    assert team(f"whoami --home {elsewhere}").code == 3
    assert not elsewhere.exists(), "who is not logged in opens no store"
    team.done(f"--home {elsewhere} init --operator zoe --password-stdin", stdin=[PASSWORD])
    assert (elsewhere / "bursar.db").exists()


@pytest.mark.parametrize(("line", "word"), [("org delete", "vision"), ("org remove ben", "ben")])
def test_what_cannot_be_undone_asks_for_the_name(team: Shell, line: str, word: str) -> None:
    assert team(line).err.startswith("error: this cannot be undone, and there is nobody to ask\nhint: give -y")
    refused = team(line, typed=["yes"])
    assert refused.asked == [f"type {word} to go on: "]
    assert (refused.code, "nothing was done" in refused.err) == (2, True)
    assert team.done("org members --json").json["items"][0]["name"] == "ben"
    assert team(line, typed=[word]).code == 0


@pytest.mark.parametrize("line", ["org delete -y", "-y org delete", "--yes org remove ben", "org remove ben --yes"])
def test_who_is_sure_is_not_asked(team: Shell, line: str) -> None:
    ran = team(line, typed=[])
    assert (ran.code, ran.asked) == (0, [])


def test_accounts_are_imported_from_a_file_or_from_standard_input(team: Shell) -> None:
    hashed = "$2b$04$abcdefghijklmnopqrstuuWm3KIbyGzCTCOjgtjxIwYXGsQ6zrI4G"
    file = team.folder / "users.csv"
    file.write_text(f"fred,{hashed}\nben:{hashed}\n", encoding="utf-8-sig")
    answer = team.done(f"import-users {file} --json").json
    assert answer["added"] == 1
    assert answer["skipped"] == ["line 2: username already taken: ben"]
    assert team.done("import-users -", stdin=[f"gina:{hashed}"]).out == "1 accounts added, 0 lines skipped\n"
    file.write_bytes(b"\xff")
    assert team(f"import-users {file}").err.endswith("is not UTF-8 text: see byte 1\nhint: save it as UTF-8\n")


def test_a_backup_is_named_and_described(team: Shell) -> None:
    target = team.folder / "copy.db"
    made = team.done(["backup", str(target), "--json"]).json
    assert (made["path"], made["bytes"]) == (str(target), target.stat().st_size)
    assert team(["backup", str(target)]).code == 5
    assert "backups/bursar-" in team.done("backup --json").json["path"]
