"""The only caller of services in the console. Questions run in threads; answers and errors come back as messages."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, cast

from textual.dom import DOMNode
from textual.message import Message

from core.commands.asking import asked, requests
from core.commands.verbs import Bursar, OnSession
from core.domain.errors import BursarError, Forbidden, Invalid, Unavailable
from core.domain.roles import Caller, anonymous, not_logged_in
from core.views.people import LoggedIn
from tui.actions import Command
from tui.cli.place import Opened, Place
from tui.cli.session import Session
from tui.embedded import Background
from tui.messages import Beaten, Did, LoggedOn, NotDone, Refused

FACE = "console"
Work = Callable[[], Message]
Question = Callable[[Bursar, Caller], Message]


class Installed(Opened, Protocol):
    """The services with the background side that the console runs while nobody else does."""

    @property
    def daemon(self) -> Callable[[], Background]: ...


class _Asking(NamedTuple):
    work: Work
    stay: int | None  # whose answer it is; None where it is anybody's


class Gateway:
    def __init__(self, place: Place, note: Callable[[str], str | None], org: str | None = None) -> None:
        self._place = place
        self._note = note  # writes a bug down and says where
        self._session = Session(place)
        self._opening = threading.Lock()
        self._opened: Opened | None = None
        self._caller: Caller | None = None
        self._seat = threading.Lock()  # guards who is logged in: the caller and the number of the sitting
        self.sitting = 0  # another number for each who sits down here, and once they have left
        self._stay = 0  # another number for each person; told by the console, which knows who has left
        self._waiting: dict[tuple[int, str], _Asking | None] = {}
        self._doing = 0
        self.org = org

    # From any thread

    def bursar(self) -> Opened:
        """The services; the first who asks opens the store. What cannot be opened is tried again at the next asking."""
        with self._opening:
            if self._opened is None:
                self._opened = self._place.open()
            return self._opened

    def background(self) -> Background:
        """The daemon of this installation, for the console to run."""
        return cast(Installed, self.bursar()).daemon()

    def caller(self) -> Caller:
        """Who is logged in, by the session that is shared with the command line."""
        with self._seat:
            caller, sitting = self._caller, self.sitting
        if caller is None:
            token = self._session.token
            if token is None:
                raise not_logged_in()
            caller = self.bursar().accounts.authenticate(token, FACE, self.org)
            with self._seat:
                if sitting == self.sitting:  # who left meanwhile must not be brought back
                    self._caller = caller
        return caller

    def _sit(self, caller: Caller | None) -> None:
        with self._seat:
            self._caller = caller
            self.sitting += 1

    def beat(self) -> Beaten:
        """What is new, and who is logged in with which rights."""
        sitting = self.sitting
        try:
            caller = self.caller()
            bursar = self.bursar()
            return Beaten(sitting, bursar.browsing.pulse(caller), bursar.accounts.whoami(caller))
        except Forbidden:
            self._caller = None
            return Beaten(sitting, None, None, new=self.bursar().browsing.is_new(anonymous(FACE)))

    def install(self, name: str, password: str) -> LoggedOn:
        """The first operator of a new installation, at once logged in."""
        self.bursar().accounts.install(
            anonymous(FACE), asked(requests.NewAccount, {"name": name, "password": password})
        )
        return self.log_in(name, password)

    def log_in(self, name: str, password: str) -> LoggedOn:
        bursar = self.bursar()
        answer = bursar.accounts.login(anonymous(FACE), asked(requests.Login, {"name": name, "password": password}))
        self._session.begin(answer)
        self._sit(bursar.accounts.authenticate(answer.access_token, FACE, self.org))
        return LoggedOn(answer.name)

    def do(self, command: Command, caller: Caller | None = None) -> Did:
        """What the command line would do with the same words; asked for by that caller, or by who is here."""
        verb = command.verb
        if not callable(verb.call):
            raise Invalid("terminal_only", f"'{verb.name}' runs by itself", f"in a terminal: {command.line}")
        answer = verb.call(self.bursar(), command.asked_by(caller or self.caller()), command.values)
        if isinstance(answer, Iterator):
            answer = "".join(_closed(answer))
        if verb.session is OnSession.ENDED:
            self.forget()
        elif verb.session is OnSession.BEGUN and isinstance(answer, LoggedIn):
            self._session.begin(answer)
        return Did(command, answer)

    def forget(self) -> None:
        """Nobody is logged in here any more."""
        self._session.end()
        self._sit(None)

    def close(self) -> None:
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    # From the event loop

    @property
    def is_idle(self) -> bool:
        """Whether every question that was asked has its answer."""
        return not self._waiting and not self._doing

    def leave(self) -> None:
        """Who was here has left: what they asked for is done, but its answer is not for who comes next."""
        self._stay += 1

    def ask(self, receiver: DOMNode, question: Question, *, about: str) -> None:
        """One at a time about the same thing: while one is on its way, only the latest of the others is kept."""
        self._ask(receiver, _Asking(lambda: question(self.bursar(), self.caller()), self._stay), about)

    def ask_anybody(self, receiver: DOMNode, work: Work, *, about: str) -> None:
        """For what needs nobody to be logged in."""
        self._ask(receiver, _Asking(work, None), about)

    def _ask(self, receiver: DOMNode, asking: _Asking, about: str) -> None:
        key = (id(receiver), about)
        if key in self._waiting:
            self._waiting[key] = asking
            return
        self._waiting[key] = None
        receiver.run_worker(self._asked(receiver, asking, about), group=about, exit_on_error=False)

    def ask_to_do(self, receiver: DOMNode, command: Command) -> None:
        """Each one by who asks for it, and to its end; where its screen has gone meanwhile, the console hears of it."""
        app, caller, stay = receiver.app, self._caller, self._stay

        async def doing() -> None:
            try:
                answer = await asyncio.to_thread(
                    self._answer, lambda: self.do(command, caller), lambda e: NotDone(command, e)
                )
                if stay == self._stay and not receiver.post_message(answer):
                    app.post_message(answer)
            finally:
                self._doing -= 1

        self._doing += 1
        app.run_worker(doing(), group="doing", exit_on_error=False)

    async def _asked(self, receiver: DOMNode, first: _Asking, about: str) -> None:
        key = (id(receiver), about)
        asking: _Asking | None = first
        try:
            while asking is not None:
                message = await asyncio.to_thread(self._answer, asking.work, lambda error: Refused(error, about))
                if asking.stay in (None, self._stay):
                    receiver.post_message(message)
                asking, self._waiting[key] = self._waiting[key], None
        finally:
            del self._waiting[key]

    def _answer(self, work: Work, refused: Callable[[BursarError], Message]) -> Message:
        try:
            return work()
        except BursarError as error:
            if error.code == not_logged_in().code:
                self._caller = None
            return refused(error)
        except Exception as bug:  # noqa: BLE001 - the last net: a bug is written down and told, and the console lives
            where = self._note("".join(traceback.format_exception(bug)))
            hint = f"what happened is written in {where}" if where else None
            return refused(Unavailable("bug", f"a bug in Bursar ({type(bug).__name__})", hint))


def _closed(pieces: Iterator[str]) -> Iterator[str]:
    """The first piece of a stream: whoever wants to follow it does so on a screen."""
    for piece in pieces:
        yield piece
        return
