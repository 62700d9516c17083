"""What an engine says of a container that ends while it is looked at is no trouble of the engine."""

from __future__ import annotations

import pytest

from core.drivers.docker.engine import _looked, sdk

docker = pytest.importorskip("docker", reason="the extra `docker` is not installed")
ENDED = "read /proc/26130/cgroup: no such process"


class Answers:
    """An API whose first answers are errors."""

    def __init__(self, *said: str, status: int = 500) -> None:
        self._said = list(said)
        self._status = status

    def inspect(self) -> str:
        if self._said:
            raise sdk().errors.APIError("a fault", explanation=self._said.pop(0), response=_Response(self._status))
        return "exited"


class _Response:
    def __init__(self, status: int) -> None:
        self.status_code = status
        self.reason = self.url = ""


def test_what_ended_meanwhile_is_looked_at_once_more() -> None:
    assert _looked(Answers(ENDED), Answers.inspect) == "exited"


@pytest.mark.parametrize(
    "api", [Answers(ENDED, ENDED), Answers("layer not known"), Answers(ENDED, status=409)], ids=["twice", "else", "409"]
)
def test_what_stays_wrong_or_is_something_else_is_told(api: Answers) -> None:
    with pytest.raises(docker.errors.APIError):
        _looked(api, Answers.inspect)
