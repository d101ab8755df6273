"""What /proc says about processes and the machine."""

import os
import platform
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> set[int]:
    """A process and all its descendants."""
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found |= family(int(child))
    return found


def cpu_seconds(pids: set[int]) -> float:
    """User and system time so far, of all threads."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / _TICKS


def resident_bytes(pids: set[int]) -> int:
    """The sum; pages that processes share count for each of them."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * _PAGE


def _stat(pid: int) -> list[str]:
    # Behind the name, which is in parentheses and may contain anything: state, ppid, …, utime (11), stime (12).
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
