"""The load generator: wrk with one thread, the same for everyone."""

import json
import os
import subprocess
import time
from pathlib import Path

import procfs
from batch import Batch
from candidates import Candidate, CandidateError, die_with_parent
from sample import Sample

HERE = Path(__file__).parent


def measure(candidate: Candidate, connections: int, seconds: int) -> Sample:
    """Single emits: warms up for a second, then measures."""
    _run(candidate, connections, 1)
    processes = procfs.family(candidate.pid)
    before = procfs.cpu_seconds(processes)
    result = _run(candidate, connections, seconds)
    _check(candidate, processes)
    cpu = procfs.cpu_seconds(processes) - before
    return Sample(
        emits_per_second=result["requests"] / result["microseconds"] * 1e6,
        cpu_microseconds=cpu * 1e6 / max(result["requests"], 1),
        p50_milliseconds=result["p50"] / 1e3,
        p99_milliseconds=result["p99"] / 1e3,
        resident_bytes=procfs.resident_bytes(processes),
        errors=result["not_ok"] + result["socket_errors"],
    )


def measure_batches(candidate: Batch, connections: int, seconds: int) -> Sample:
    """Watches a window of a longer run. A run's ends would be much of it: what is under way when it ends counts for
    nothing, and a batch is long under way."""
    with _start(candidate, connections, seconds + 2, "batch.lua", {"BENCH_BODY_FILE": str(candidate.body_file)}) as wrk:
        try:
            time.sleep(1)
            processes = procfs.family(candidate.pid)
            begin, before = time.monotonic(), procfs.cpu_seconds(processes)
            time.sleep(seconds)
            end, after = time.monotonic(), procfs.cpu_seconds(processes)
            resident = procfs.resident_bytes(processes)
            result = _result(candidate, wrk)
        finally:
            wrk.kill()
    _check(candidate, processes)
    emits = candidate.items * sum(begin <= moment < end for moment in result["answered"])
    errors = result["not_ok"] + result["socket_errors"]
    if emits == 0 and errors == 0:
        raise CandidateError(f"{candidate.name} answered no batch in {seconds} s")
    return Sample(
        emits_per_second=emits / (end - begin),
        cpu_microseconds=(after - before) * 1e6 / max(emits, 1),
        p50_milliseconds=result["p50"] / 1e3,
        p99_milliseconds=result["p99"] / 1e3,
        resident_bytes=resident,
        errors=errors,
    )


def _check(candidate: Candidate, processes: set[int]):
    candidate.check()
    if procfs.family(candidate.pid) != processes:
        raise CandidateError(f"{candidate.name} changed its processes while it was measured")


def _run(candidate: Candidate, connections: int, seconds: int) -> dict:
    body = {"BENCH_BODY": candidate.body, "BENCH_AUTHORIZATION": candidate.authorization}
    with _start(candidate, connections, seconds, "emit.lua", body) as wrk:
        try:
            return _result(candidate, wrk)
        finally:
            wrk.kill()


def _start(candidate: Candidate, connections: int, seconds: int, script: str, environment: dict) -> subprocess.Popen:
    command = ["wrk", "--latency", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    return subprocess.Popen(
        [*command, "--timeout", "5s", "--script", str(HERE / script), candidate.url],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def _result(candidate: Candidate, wrk: subprocess.Popen) -> dict:
    output, errors = wrk.communicate()
    if wrk.returncode != 0:
        raise CandidateError(f"wrk against {candidate.name}: {errors.strip() or output.strip()}")
    return json.loads(output.splitlines()[-1])
