"""How long a test waits for what must come: one number for all, since waiting costs nothing when all is well.

What asserts that something comes *soon* measures the time itself, and is marked `timed`: other tests give way to it.
"""

import time

PATIENCE = 30


def end_of_patience():
    """When a wait that begins now has failed, on the monotonic clock."""
    return time.monotonic() + PATIENCE


def until(is_true, what, timeout=PATIENCE):
    """Waits for a condition; what it returned."""
    deadline = time.monotonic() + timeout
    while not (value := is_true()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)
    return value
