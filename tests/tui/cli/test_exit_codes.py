"""What a command ends with: a code for scripts, a sentence for people, an object for programs, never a traceback."""

from __future__ import annotations

import stat

import pytest

from core.commands.verbs import Asker, Family, Verb
from core.domain.errors import KINDS, BursarError, Exhausted
from core.domain.roles import Permission
from core.views.background import DaemonHealth
from core.views.operations import AuditVerdict, Diagnosis, Finding, Verdict
from tests.tui.cli.shell import PASSWORD, Shell
from tui.cli.run import INTERRUPTED, PIPE_CLOSED
from tui.errors import exit_code

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is

CODES = {"Invalid": 2, "Forbidden": 3, "NotFound": 4, "Conflict": 5, "Exhausted": 6, "Unavailable": 7}


def with_verb(shell: Shell, answer: object) -> Shell:
    """The shell with one verb `try`, which answers or fails as told."""

    def call(*_: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    shell.families = (Family("Trial", (Verb(("try",), "try", Permission.LOGIN, call, asker=Asker.NOBODY),)),)
    return shell


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_error_has_its_exit_code(shell: Shell, kind: type[BursarError]) -> None:
    ran = with_verb(shell, kind("some_code", "it went wrong", "do it right", {"name": "x"}))("try")
    assert (ran.code, ran.out) == (CODES[kind.__name__], "")
    assert ran.err == "error: it went wrong\nhint: do it right\n"
    assert exit_code(kind) == ran.code


def test_an_error_for_programs_is_an_object(shell: Shell) -> None:
    ran = with_verb(shell, Exhausted("no_credits", "needs 12.0 GPU-hours, 9.5 left", None, {"gpu": 2}))("try --json")
    assert ran.out == ""
    assert ran.error == {
        "code": "no_credits",
        "kind": "exhausted",
        "message": "needs 12.0 GPU-hours, 9.5 left",
        "hint": None,
        "fields": {"gpu": 2},
    }


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("whoami", 3, "nobody is logged in here"),
        ("lgin ben", 2, "there is no verb 'lgin'"),
        ("--jsn whoami", 2, "there is no option '--jsn' here"),
        ("whoami --jsn", 2, "there is no option '--jsn' here"),
        ("whoami me", 2, "got unexpected extra argument (me)"),
        ("invite", 2, "'invite' needs another word"),
        ("invite --json-", 2, "there is no option '--json-' here"),
        ("login", 2, "NAME: is missing"),
        ("init", 2, "--operator: is missing"),
        ("token create ci --scope all", 2, "scope: there is no 'all'"),
        ("audit --limit 201", 2, "limit: a whole number between 1 and 200 (got 201)"),
        ("audit --limit", 2, "option '--limit' requires an argument"),
        ("login nobody --password-stdin", 2, "password: is empty"),
        ("help whoamy", 2, "there is no verb 'whoamy'"),
        ("import-users /does/not/exist", 2, "'/does/not/exist' cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_in_both_forms(shell: Shell, line: str, code: int, error: str) -> None:
    ran = shell(line)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"error: {error}\nhint: ")
    for words in (f"--json {line}", f"{line} --json"):
        if "--limit" not in words or "201" in words:  # there the option would take the flag as its value
            assert shell(words).error["message"].startswith(error)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lgin ben", "did you mean 'login'?"),
        ("org crate x", "did you mean 'org create'?"),
        ("invite create --rol admin", "did you mean '--role'?"),
        ("rotate-key", "did you mean 'token rotate-key'?"),
        ("revoke x", "one of token revoke, invite revoke"),
        ("zzz", "`help` shows all verbs"),
        ("org zzz", "one of create, list, switch, show, set, members, role, remove, leave, delete"),
    ],
)
def test_what_was_probably_meant_is_suggested(shell: Shell, line: str, hint: str) -> None:
    assert f"hint: {hint}\n" in shell(line).err


@pytest.mark.parametrize("flags", ["", "--json"])
def test_a_bug_is_one_sentence_and_its_traceback_goes_to_a_private_log(shell: Shell, flags: str) -> None:
    ran = with_verb(shell, RuntimeError("secret detail"))(f"try {flags}")
    assert (ran.code, ran.out) == (1, "")
    assert "Traceback" not in ran.err and "secret detail" not in ran.err
    if flags:
        assert (ran.error["code"], ran.error["kind"]) == ("bug", "bug")
    log = shell.folder / "logs" / "bugs.log"
    assert str(log) in ran.err
    assert "RuntimeError: secret detail" in log.read_text()
    assert log.read_text().startswith("2026-01-01T00:00:00Z bursar try\n")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_bug_is_told_even_where_nothing_can_be_written(shell: Shell) -> None:
    (shell.folder / "logs").write_text("a file where the folder should be")
    ran = with_verb(shell, RuntimeError("x"))("try")
    assert ran.code == 1
    assert ran.err == "error: a bug in Bursar (RuntimeError)\nhint: what happened could not be written down\n"


def test_ctrl_c_ends_quietly(shell: Shell) -> None:
    ran = with_verb(shell, KeyboardInterrupt())("try")
    assert (ran.code, ran.out, ran.err) == (INTERRUPTED, "", "\n")


def test_a_reader_that_has_gone_is_no_error(shell: Shell) -> None:
    ran = shell("help", gone=BrokenPipeError)
    assert (ran.code, ran.out, ran.err) == (PIPE_CLOSED, "", "")


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.OK, 0), (Verdict.WARN, 0), (Verdict.FAIL, 7)])
def test_the_doctor_fails_only_on_fail(team: Shell, verdict: Verdict, code: int) -> None:
    (doctor,) = (verb for family in team.families for verb in family.verbs if verb.path == ("doctor",))
    diagnosis = Diagnosis(verdict, (Finding("X-1", "a check", verdict, "as it is", "mend it"),))
    bad = doctor.bad_news(diagnosis)
    assert (exit_code(bad) if bad else 0) == code
    assert team("doctor").code == 0, "an old SQLite is a warning"


def test_health_asks_for_no_login_and_fails_where_nobody_leads(shell: Shell) -> None:
    (health,) = (verb for family in shell.families for verb in family.verbs if verb.path == ("health",))
    ran = shell("--json health")
    assert (ran.code, ran.json["leads"], ran.json["troubles"]) == (7, False, [])
    assert health.bad_news(DaemonHealth("host-1", 1, True, 1, 0, 0)) is None


def test_a_broken_chain_is_a_conflict(shell: Shell) -> None:
    (audit,) = (verb for family in shell.families for verb in family.verbs if verb.path == ("audit",))
    assert audit.bad_news(AuditVerdict(True, 3, "ab", None, "")) is None
    bad = audit.bad_news(AuditVerdict(False, 3, "ab", 2, "row 2 was changed"))
    assert bad is not None and exit_code(bad) == 5


def test_wrong_settings_are_told_line_by_line(shell: Shell) -> None:
    (shell.folder / "bursar.toml").write_text("[accounts]\nbcrypt_cots = 4\n")
    shell.environ["BURSAR_ACCOUNTS_BCRYPT_COST"] = "99"
    ran = shell("whoami")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert lines[0] == "error: 2 settings are wrong:"
    assert all(line.startswith("    ") for line in lines[1:3])
    assert lines[3].startswith("hint: ")


def test_conflict_and_not_found_come_from_the_services(team: Shell) -> None:
    assert team("init --operator second --password-stdin", stdin=[PASSWORD]).code == 5
    assert team("org create vision").code == 5
    assert team("invite revoke inv-000000").code == 4
    assert team("join nosuchcode").code == 4
