"""First answers to keyed calls, so that asking again with the same key changes nothing."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from core.domain.errors import Conflict
from core.store.tables import journal

first_answers = journal.FirstAnswer.__table__


class Answers:
    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now

    def first(self, account_id: str, key: str, fingerprint: str) -> str | None:
        """What was answered the first time; Conflict where the same key stood for something else."""
        this = (first_answers.c.account_id == account_id, first_answers.c.key == key)
        row = self._connection.execute(select(first_answers).where(*this)).one_or_none()
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise Conflict(
                "key_reused",
                f"the key {key} was used before for something else",
                "repeat the first request as it was, or use a new key",
            )
        return str(row.answer)

    def keep(self, account_id: str, key: str, verb: str, fingerprint: str, answer: str) -> None:
        values = {"account_id": account_id, "key": key, "verb": verb, "fingerprint": fingerprint}
        self._connection.execute(insert(first_answers), {**values, "answer": answer, "at": self._now})
