"""Every call of an engine with a deadline: one hand per cluster does them, and a hand that hangs is not waited for.

A call that is over its time goes on somewhere, with an unknown effect; until it comes back, the next ones are
refused at once, so that hanging threads do not pile up. Whatever else a driver raises becomes an answer, too.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from core.domain.engines import BatchDriver, Driver, Observation, Observed, Spec, Token, Trouble, trouble
from core.domain.errors import BursarError

T = TypeVar("T")

# So many starts in one call: the deadline is for a call, and nothing is applied before it is over.
_BATCH = 50


class _Errand(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._answer: T
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._answer = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is asked for
            self._error = error
        self._done.set()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def answer(self, within_s: float | None = None) -> T:
        """The answer or the error of the work; TimeoutError while there is none, without a time it waits."""
        if not self._done.wait(within_s):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._answer


class Hand:
    """A thread that does one thing after the other. It never keeps the process from ending."""

    def __init__(self, name: str) -> None:
        self._errands: queue.SimpleQueue[_Errand[object] | None] = queue.SimpleQueue()
        self._hanging: _Errand[object] | None = None
        threading.Thread(target=self._work, name=f"bursar-engine-{name}", daemon=True).start()

    def _work(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand.run()

    @property
    def hangs(self) -> bool:
        if self._hanging is not None and self._hanging.is_done:
            self._hanging = None
        return self._hanging is not None

    def begin(self, work: Callable[[], T]) -> _Errand[T]:
        errand: _Errand[T] = _Errand(work)
        self._errands.put(errand)  # type: ignore[arg-type]
        return errand

    def do(self, work: Callable[[], T], within_s: float) -> T:
        errand = self.begin(work)
        try:
            return errand.answer(within_s)
        except TimeoutError:
            self._hanging = errand  # type: ignore[assignment]
            raise

    def close(self) -> None:
        self._errands.put(None)


class Engine:
    """A driver as the daemon calls it."""

    def __init__(self, open_it: Callable[[], Driver], name: str, deadline_s: float) -> None:
        self._open_it = open_it
        self._name = name
        self._deadline_s = deadline_s
        self._driver: Driver | None = None
        self._hand = Hand(name)
        self._ahead: Hand | None = None

    def begin_ensure(self, specs: Sequence[Spec]) -> Callable[[], list[Observed | BursarError]]:
        """Ask for these now, and have the answers when they are called for: meanwhile others can be noted.

        It ends by itself: each of its calls has its deadline.
        """
        if self._ahead is None:
            self._ahead = Hand(f"{self._name}-ahead")
        return self._ahead.begin(lambda: self.ensure_each(specs)).answer

    def ensure_each(self, specs: Sequence[Spec]) -> list[Observed | BursarError]:
        """Each in its place: what was observed, or its error. One that hangs leaves the rest unasked, for later."""
        answers: list[Observed | BursarError] = []
        for start in range(0, len(specs), _BATCH):
            part = specs[start : start + _BATCH]
            try:
                batch = self._call("ensure", lambda driver, part=part: _batch(driver, part))  # type: ignore[misc]
            except BursarError as error:
                answers += [error] * len(part)
                continue
            answers += batch if batch is not None else [self._ensure(spec) for spec in part]
        return answers

    def _ensure(self, spec: Spec) -> Observed | BursarError:
        try:
            return self._call("ensure", lambda driver: driver.ensure(spec))
        except BursarError as error:
            return error

    def observe(self, install: str) -> Observation:
        return self._call("observe", lambda driver: driver.observe(install))

    def stop(self, token: Token, grace_s: float) -> None:
        self._call("stop", lambda driver: driver.stop(token, grace_s))

    def forget(self, token: Token) -> None:
        self._call("forget", lambda driver: driver.forget(token))

    def suspend(self, token: Token) -> None:
        self._call("suspend", lambda driver: driver.suspend(token))

    def resume(self, token: Token) -> None:
        self._call("resume", lambda driver: driver.resume(token))

    def _call(self, verb: str, ask: Callable[[Driver], T]) -> T:
        if self._hand.hangs:
            raise trouble(Trouble.TIMEOUT, f"the engine still hangs in an earlier call ({self._name})")
        try:
            return self._hand.do(lambda: ask(self._opened()), self._deadline_s)
        except BursarError:
            raise
        except TimeoutError:
            message = f"the engine did not answer {verb} within {self._deadline_s:g} s ({self._name})"
            raise trouble(Trouble.TIMEOUT, message) from None
        except Exception as error:  # a driver may be anybody's, and one that is broken must not end the daemon
            raise trouble(Trouble.ENGINE_FAULT, f"{verb}: {type(error).__name__}: {error}") from error

    def _opened(self) -> Driver:
        if self._driver is None:
            self._driver = self._open_it()
        return self._driver

    def close(self) -> None:
        if self._driver is not None and not self._hand.hangs:
            self._driver.close()
        self._hand.close()
        if self._ahead is not None:
            self._ahead.close()


def _batch(driver: Driver, specs: Sequence[Spec]) -> list[Observed | BursarError] | None:
    return driver.ensure_many(specs) if isinstance(driver, BatchDriver) else None
