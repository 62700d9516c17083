"""From nothing to a team with a verified audit, as people would type it, on both stores by one setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.cli.shell import PASSWORD, Shell


def test_from_init_to_a_verified_audit(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.drivers.docker.driver.sockets_here", lambda: ("unix:///run/engine.sock",))
    shell = Shell(tmp_path / "home", BURSAR_DATABASE_URL=store_url)
    made = shell.done("init --operator olga", typed=[PASSWORD, PASSWORD])
    assert made.asked == ["password: ", "password, again: "]
    assert made.out == (
        "name      olga\noperator  yes\nscope     full\ncreated   2026-01-01 00:00:00\n"
        "now log in: bursar login olga; then: bursar org create NAME; then one of:\n"
        "  bursar cluster create here --driver docker --set host=unix:///run/engine.sock\n"
        "  bursar cluster create here --driver process\n"
    )
    assert shell("whoami").code == 3, "init does not log in"
    assert shell.done("login olga", typed=[PASSWORD]).out == "logged in as olga until 2026-01-01 12:00:00\n"
    shell.done("org create vision")
    code = shell.done("--json invite create --uses 2 --role member").json["code"]

    shell.done("register anna --password-stdin", stdin=[PASSWORD])
    shell.log_in("anna")
    joined = shell.done(f"join {code}")
    assert joined.out.startswith("name                 vision\nrole                 member\n")
    assert shell.done("org members").out == (
        "NAME  ROLE    JOINED\nanna  member  2026-01-01 00:00:00\nolga  admin   2026-01-01 00:00:00\n"
    )
    assert shell("audit --verify").code == 3, "the whole chain is for operators"

    shell.log_in("olga")
    history = [line["verb"] for line in shell.done("audit --all-orgs --json").json["items"]]
    newest_first = ["login", "member.join", "login", "account.create", "invite.create", "org.create", "login"]
    assert history == [*newest_first, "account.create"]
    assert shell.done("audit --verify").out.startswith("the chain holds: 8 rows, none changed or missing; head ")
    assert shell.done("logout").out == "logged out\n"
    assert shell("whoami").code == 3
