"""The simulated hypervisor: a world of instances in one file per cluster, with faults to be had on demand."""

from core.drivers.scripted.control import Control
from core.drivers.scripted.driver import ScriptedDriver

__all__ = ["Control", "ScriptedDriver"]
