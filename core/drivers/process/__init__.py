"""Runs commands as real processes of this host, without a server: the driver that needs nothing else installed."""

from core.drivers.process.driver import ProcessDriver

__all__ = ["ProcessDriver"]
