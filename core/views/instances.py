"""What an engine showed of a replica, in words: pairs of a name and a text, for every face to draw as it draws facts.

The texts are an engine's and a tenant's: each face makes them harmless.
"""

from __future__ import annotations

from core.domain.resources import format_cpu, format_memory
from core.views.work import InstanceCard

_PER_CENT = 10  # thousandths of a device


def head_of(one: InstanceCard) -> str:
    """Which it is: `run 2 on gpu1`, and of a gang `run 2, replica 3 on gpu1`."""
    replica = f", replica {one.replica}" if one.replica else ""
    return f"run {one.generation}{replica}" + (f" on {one.node}" if one.node else "")


def pairs_of(one: InstanceCard) -> list[tuple[str, str]]:
    """What it takes or how it ended, then what the engine told of it."""
    pairs = [("takes", takes(one)), ("ended", ended(one)), *one.facts.items(), ("note", one.message)]
    return [(name, text) for name, text in pairs if text]


def takes(one: InstanceCard) -> str:
    """`0.3 CPU, 62 MiB, GPU 45 % busy, 12 GiB on it`; what nobody could tell is left out."""
    words = []
    if one.cpu_used_milli is not None:
        words.append(f"{format_cpu(10 * round(one.cpu_used_milli / 10))} CPU")  # more places would only flicker
    if one.ram_used_mib is not None:
        words.append(format_memory(one.ram_used_mib) if one.ram_used_mib else "less than 1 MiB")
    if one.gpu_busy_milli is not None:
        words.append(f"GPU {one.gpu_busy_milli // _PER_CENT} % busy")
    if one.gpu_ram_used_mib is not None:
        words.append(f"{format_memory(one.gpu_ram_used_mib)} on it")
    return ", ".join(words)


def ended(one: InstanceCard) -> str:
    """An exit code is the program's word; a kill for lack of memory is the engine's."""
    words = ["out of memory"] if one.oom else []
    if one.exit_code is not None:
        words.append(f"exit {one.exit_code}")
    return ", ".join(words)
