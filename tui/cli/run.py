"""One command from its words to its exit code: read it, find out who asks, ask what must be asked, do it, show it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.commands.table import FAMILIES
from core.commands.verbs import Argument, Asker, Bursar, Call, Family, Kind, OnSession, Program, Question, Values, Verb
from core.domain.errors import BursarError, Forbidden, Invalid
from core.domain.names import check_name
from core.domain.roles import Caller, anonymous, nobody_here, not_logged_in
from core.domain.text import safe_text, visible
from core.views.people import LoggedIn
from tui.bugs import write_down
from tui.cli.answers import for_people
from tui.cli.grammar import Flags, Reading, read_line, wants_json
from tui.cli.machine import as_json
from tui.cli.place import Ground, Place
from tui.cli.session import Session
from tui.cli.terminal import LARGEST_FILE, Terminal
from tui.cli.welcome import welcome
from tui.errors import BUG, error_object, exit_code, said
from tui.errors import for_people as error_for_people
from tui.errors import for_programs as error_for_programs

FACE = "cli"
INTERRUPTED = 130  # as a shell says it of Ctrl-C, and of a reader that has gone
PIPE_CLOSED = 141


def run(argv: Sequence[str], ground: Ground, terminal: Terminal, families: Sequence[Family] = FAMILIES) -> int:
    """The exit code; whatever happens, no traceback reaches the terminal."""
    try:
        return _outcome(argv, ground, terminal, families)
    except BrokenPipeError:
        terminal.forget_output()
        return PIPE_CLOSED


def _outcome(argv: Sequence[str], ground: Ground, terminal: Terminal, families: Sequence[Family]) -> int:
    reading = Reading(Flags(json=wants_json(argv)))
    try:
        reading = read_line(argv, families)
        return _Command(reading, ground, terminal).run()
    except BursarError as error:
        terminal.complain(as_json(error_for_programs(error)) if reading.flags.json else error_for_people(error))
        return exit_code(error)
    except KeyboardInterrupt:
        terminal.complain("\n")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as bug:  # noqa: BLE001 - the last net: what falls into it is a bug, and is written down
        return _report(bug, reading, ground, terminal)


class _Command:
    """A command line that has been read, on its way to an answer."""

    def __init__(self, reading: Reading, ground: Ground, terminal: Terminal) -> None:
        self._reading = reading
        self._flags = reading.flags
        self._ground = ground
        self._terminal = terminal
        self._offers: tuple[str, ...] = ()

    def run(self) -> int:
        if self._reading.text:
            self._terminal.write(self._reading.text)
            return 0
        place = self._ground.settle(self._flags.home)
        verb = self._reading.verb
        if verb is None:
            return self._welcome(place)
        values = self._completed(verb)
        if isinstance(verb.call, Program):
            return self._ground.start(verb.call.name, place, values, self._terminal)
        session = Session(place)
        try:
            answer = self._ask(verb, verb.call, values, place, session)
        except Forbidden as error:
            if verb.session is OnSession.ENDED and error.code == not_logged_in().code:
                session.end()  # it was worth nothing any more
            raise
        if verb.session is OnSession.ENDED:
            session.end()
        elif verb.session is OnSession.BEGUN and isinstance(answer, LoggedIn):
            session.begin(answer)
        self._show(verb, answer)
        bad = verb.bad_news(answer)
        return exit_code(bad) if bad else 0

    def _pass_on(self, pieces: Iterator[str]) -> None:
        """Text that comes piece by piece, as it comes; for programs a JSON object a line."""
        for piece in pieces:
            self._terminal.write(
                json.dumps({"text": piece}) + "\n" if self._flags.json else safe_text(piece, lines=True)
            )

    def _ask(self, verb: Verb, call: Call, values: Values, place: Place, session: Session) -> object:
        """The service's answer, once it is known who asks and that they are sure."""
        token = None if verb.asker is Asker.NOBODY else session.token
        if token is None and verb.asker is Asker.ACCOUNT:
            raise nobody_here()
        bursar = place.open()
        try:
            caller = self._caller(bursar, verb, token)
            if verb.question and not self._flags.yes:
                self._make_sure(verb.question(bursar, caller, values))
            answer = call(bursar, caller, values)
            self._offers = () if self._flags.json else tuple(verb.offers(bursar, caller))
            return answer
        finally:
            bursar.close()

    def _caller(self, bursar: Bursar, verb: Verb, token: str | None) -> Caller:
        if token is None:
            return anonymous(FACE)
        try:
            caller = bursar.accounts.authenticate(token, FACE, self._org)
            if verb.asker is Asker.ANYBODY:
                bursar.accounts.whoami(caller)
        except Forbidden:
            if verb.asker is Asker.ACCOUNT:
                raise
            return anonymous(FACE)  # a session that has ended makes nobody of somebody, and nobody may ask this
        return caller

    @property
    def _org(self) -> str | None:
        return check_name(self._flags.org, "org") if self._flags.org else None

    def _completed(self, verb: Verb) -> Values:
        """The values with what a terminal adds: the texts of files and the passwords."""
        if verb.question and not self._flags.yes and not self._terminal.interactive:
            raise Invalid("not_sure", "this cannot be undone, and there is nobody to ask", "give -y to go on")
        values = dict(self._reading.values)
        for argument in verb.arguments:
            if argument.kind is Kind.FILE and values[argument.name] is not None:
                values[argument.name] = self._content(values[argument.name])
            if argument.secret:
                values[argument.name] = self._secret(argument)
        return values

    def _content(self, path: str) -> str:
        try:
            content = self._terminal.read_file(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Invalid("file_unreadable", f"{visible(path)} cannot be read: {reason}", "name a file") from None
        if len(content) > LARGEST_FILE:
            raise Invalid("file_too_large", f"{visible(path)} is too large", f"at most {LARGEST_FILE} bytes are read")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            wrong = f"{visible(path)} is not UTF-8 text: see byte {error.start + 1}"
            raise Invalid("file_not_text", wrong, "save it as UTF-8") from None

    def _secret(self, argument: Argument) -> str:
        if self._reading.password_stdin:
            return self._terminal.read_line()
        if not self._terminal.interactive:
            raise Invalid(
                "secret_missing", f"the {argument.help} is needed, and there is nobody to ask", "give --password-stdin"
            )
        typed = self._terminal.ask_hidden(f"{argument.help}: ")
        if argument.kind is Kind.NEW_PASSWORD and self._terminal.ask_hidden(f"{argument.help}, again: ") != typed:
            raise Invalid("passwords_differ", "the two passwords are not the same", "try again")
        return typed

    def _make_sure(self, question: Question) -> None:
        word = safe_text(question.word)
        self._terminal.complain(f"{safe_text(question.text)}\n")
        if self._terminal.ask(f"type {word} to go on: ").strip() != question.word:
            raise Invalid("not_sure", "nothing was done", f"type {word}, or give -y")

    def _show(self, verb: Verb, answer: object) -> None:
        if isinstance(answer, Iterator):
            self._pass_on(answer)
            return
        if self._flags.json:
            self._terminal.write(as_json(answer))
            return
        text = for_people(verb, answer, self._terminal.width)
        lines = [safe_text(verb.said_after(answer)), *(f"  {offer}" for offer in self._offers)]
        self._terminal.write(text + "".join(f"{line}\n" for line in lines if line))

    def _welcome(self, place: Place) -> int:
        """Without a verb: the console where there is a terminal for it, else who you are and what could come next."""
        if not self._flags.json and self._terminal.full_screen:
            return self._ground.console(place, self._org)
        card, token = None, Session(place).token
        if token is not None:
            bursar = place.open()
            try:
                card = bursar.accounts.whoami(bursar.accounts.authenticate(token, FACE, self._org))
            except Forbidden:
                card = None
            finally:
                bursar.close()
        self._terminal.write(as_json(card) if self._flags.json else welcome(card))
        return 0


def _report(bug: Exception, reading: Reading, ground: Ground, terminal: Terminal) -> int:
    """One sentence for the person, the traceback for whoever mends it."""
    written = _written_down(bug, reading, ground)
    message = f"a bug in Bursar ({type(bug).__name__})"
    hint = f"what happened is written in {written}" if written else "what happened could not be written down"
    if reading.flags.json:
        terminal.complain(as_json(error_object("bug", "bug", message, hint)))
    else:
        terminal.complain(said("error", message) + said("hint", hint))
    return BUG


def _written_down(bug: Exception, reading: Reading, ground: Ground) -> Path | None:
    what = f"bursar {reading.verb.name if reading.verb else ''}"
    try:
        return write_down(ground.home(reading.flags.home), ground.now(), what, "".join(traceback.format_exception(bug)))
    except (BursarError, OSError):
        return None
