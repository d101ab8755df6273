"""What one measurement has found."""

from dataclasses import dataclass


@dataclass
class Sample:
    emits_per_second: float
    cpu_microseconds: float  # of the candidate, per emit
    p50_milliseconds: float | None  # of a request; None: there are no requests
    p99_milliseconds: float | None
    resident_bytes: int  # at the end
    errors: int  # answers that are not what they should be, and sockets that broke or timed out
