"""The load generator: wrk with one thread, the same for everyone."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import procfs
from candidates import Candidate, CandidateError, die_with_parent

SCRIPT = Path(__file__).parent / "emit.lua"


@dataclass
class Sample:
    requests_per_second: float
    cpu_microseconds: float  # of the candidate, per request
    p50_milliseconds: float
    p99_milliseconds: float
    resident_bytes: int  # at the end
    errors: int  # answers that are not 2xx, and sockets that broke or timed out


def measure(candidate: Candidate, connections: int, seconds: int) -> Sample:
    """Warms up for a second, then measures."""
    _run(candidate, connections, 1)
    processes = procfs.family(candidate.pid)
    before = procfs.cpu_seconds(processes)
    result = _run(candidate, connections, seconds)
    candidate.check()
    if procfs.family(candidate.pid) != processes:
        raise CandidateError(f"{candidate.name} changed its processes while it was measured")
    cpu = procfs.cpu_seconds(processes) - before
    return Sample(
        requests_per_second=result["requests"] / result["microseconds"] * 1e6,
        cpu_microseconds=cpu * 1e6 / max(result["requests"], 1),
        p50_milliseconds=result["p50"] / 1e3,
        p99_milliseconds=result["p99"] / 1e3,
        resident_bytes=procfs.resident_bytes(processes),
        errors=result["not_ok"] + result["socket_errors"],
    )


def _run(candidate: Candidate, connections: int, seconds: int) -> dict:
    command = ["wrk", "--latency", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    finished = subprocess.run(
        [*command, "--timeout", "5s", "--script", str(SCRIPT), candidate.url],
        env={**os.environ, "BENCH_BODY": candidate.body, "BENCH_AUTHORIZATION": candidate.authorization},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    if finished.returncode != 0:
        raise CandidateError(f"wrk against {candidate.name}: {finished.stderr.strip() or finished.stdout.strip()}")
    return json.loads(finished.stdout.splitlines()[-1])
