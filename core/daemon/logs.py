"""What the daemon says, one JSON object to a line: for machines that collect it, and readable all the same."""

from __future__ import annotations

import json
import logging
from time import gmtime
from typing import Any, TextIO

_FACTS = "bursar_facts"


def told(**facts: object) -> dict[str, object]:
    """Facts beside the message, as `extra` of a logging call."""
    return {_FACTS: facts}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "name": record.name,
            "message": record.getMessage(),
            **getattr(record, _FACTS, {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        # Escaped to ASCII, no text of a tenant or an engine can move a cursor or begin a line.
        return json.dumps(line, default=str)


def log_to(stream: TextIO, level: int = logging.INFO) -> None:
    """Everything that Bursar says, and warnings of the libraries, go there and nowhere else."""
    handler = logging.StreamHandler(stream)
    formatter = JsonLines()
    formatter.converter = gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("bursar").setLevel(level)
