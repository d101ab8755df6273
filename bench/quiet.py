"""Whether anybody else works on this machine."""

import time
from pathlib import Path

QUIET = 0.1  # of all cores; an idle RabbitMQ takes a few hundredths
WINDOW = 0.5  # seconds


def busy_share() -> float:
    """How much of all cores was busy in the last half second, 0 to 1."""
    busy, total = _ticks()
    time.sleep(WINDOW)
    busy_now, total_now = _ticks()
    return (busy_now - busy) / max(total_now - total, 1)


def wait(patience: float) -> float:
    """Waits for a quiet machine, but no longer than `patience` seconds.

    - Returns: the busy share at the end.
    """
    deadline = time.monotonic() + patience
    while (share := busy_share()) > QUIET and time.monotonic() < deadline:
        pass
    return share


def _ticks() -> tuple[int, int]:
    # user, nice, system, idle, iowait, irq, softirq, steal
    values = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(values) - values[3] - values[4], sum(values)
