"""Containers on one or several engines that speak Docker's interface: Docker itself, and Podman."""

from core.drivers.docker.driver import DockerDriver

__all__ = ["DockerDriver"]
