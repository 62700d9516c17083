"""What a run writes, as it comes; narrowed to the lines with a word, nothing of the rest is lost."""

from __future__ import annotations

from collections import deque

from textual.widgets import Log


class LinesOfLog(Log):
    def __init__(self, kept: int) -> None:
        super().__init__(max_lines=kept, auto_scroll=True)
        self._all: deque[str] = deque(maxlen=kept)
        self._open = ""  # the end of what came, as long as its line has not ended
        self.word = ""

    def take(self, text: str) -> None:
        """The next piece, which may end in the middle of a line."""
        *ended, self._open = (self._open + text).split("\n")
        self._all.extend(ended)
        if self.word:
            self.write_lines([line for line in ended if self._fits(line)])
        else:
            self.write(text)

    def begin_anew(self) -> None:
        self._all.clear()
        self._open = ""
        self.clear()

    def narrow(self, word: str) -> None:
        """To the lines with this word, however it is written; to all of them by an empty one."""
        self.word = word
        self.clear()
        if word:
            self.write_lines([line for line in self._all if self._fits(line)])
        else:
            self.write("\n".join([*self._all, self._open]))

    @property
    def found(self) -> tuple[int, int]:
        """How many lines have the word, and how many there are."""
        return sum(map(self._fits, self._all)), len(self._all)

    def _fits(self, line: str) -> bool:
        return self.word.lower() in line.lower()
