"""Real processes: the contract."""

from __future__ import annotations

import pytest

from tests.drivers.contract import DriverContract
from tests.drivers.rigs import ProcessRig


class TestProcess(DriverContract):
    @pytest.fixture
    def rig(self, tmp_path):
        rig = ProcessRig(tmp_path / "c1")
        yield rig
        rig.close()
