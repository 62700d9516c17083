"""Where somebody types: what is pasted is made visible before it stands in the field, and never endless."""

from __future__ import annotations

from textual.widgets import Input

from core.domain.text import safe_text

LONGEST = 4_000


class Field(Input):
    """An Input that holds no sign which a terminal would obey. A password stays what it is: it is never shown."""

    def insert_text_at_cursor(self, text: str) -> None:
        super().insert_text_at_cursor(text if self.password else safe_text(text))

    def fill(self, words: str) -> None:
        """By the program, not by hand."""
        self.value = words if self.password else safe_text(words)
