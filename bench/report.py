"""The table, the targets, and the machine, as Markdown."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from statistics import median

import procfs
from batch import CONNECTIONS, LIBRABBITMQ
from sample import Sample

Samples = dict[tuple[str, int], list[Sample]]  # by candidate and connections

PACKAGES = ("libmicrohttpd12", "librabbitmq4", "libjansson4", "libyaml-0-2", "wrk", "gcc")


class Row:
    """The medians of one candidate's rounds. A row with errors has no figures to compare."""

    def __init__(self, samples: list[Sample]):
        self.errors = sum(sample.errors for sample in samples)
        self.emits_per_second = median(sample.emits_per_second for sample in samples)
        self.cpu_microseconds = median(sample.cpu_microseconds for sample in samples)
        self.p50_milliseconds = _median_if_any(sample.p50_milliseconds for sample in samples)
        self.p99_milliseconds = _median_if_any(sample.p99_milliseconds for sample in samples)
        self.mebibytes = median(sample.resident_bytes for sample in samples) / 2**20

    def cells(self) -> list[str]:
        if self.errors:
            return [f"**INVALID: {self.errors} errors**", *[""] * 5]
        return [
            f"{self.emits_per_second:,.0f}",
            f"{self.cpu_microseconds:.1f}",
            "–" if self.p50_milliseconds is None else f"{self.p50_milliseconds:.2f}",
            "–" if self.p99_milliseconds is None else f"{self.p99_milliseconds:.2f}",
            f"{self.mebibytes:.1f}",
            "0",
        ]


def _median_if_any(values) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def rows_of(samples: Samples) -> dict[tuple[str, int], Row]:
    return {key: Row(rounds) for key, rounds in samples.items()}


def table(rows: dict[tuple[str, int], Row], unit: str) -> str:
    lines = [
        f"| candidate | connections | {unit}/s | CPU µs/{unit} | p50 ms | p99 ms | RSS MiB | errors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (name, connections), row in rows.items():
        lines.append(f"| {name} | {connections:,} | {' | '.join(row.cells())} |")
    return "\n".join(lines)


def targets(rows: dict[tuple[str, int], Row], connections: list[int], batches: list[int]) -> str:
    """What the gateway is to reach. What was not measured, or with errors, is missing."""
    valid = {key: row for key, row in rows.items() if not row.errors}
    lines = ["| target | measured | wanted | |", "|---|--:|--:|---|"]

    def add(what: str, value: float | None, wanted: str, is_met, form: str = "{:.2f}"):
        shown = "–" if value is None else form.format(value)
        verdict = "not measured" if value is None else "pass" if is_met(value) else "**miss**"
        lines.append(f"| {what} | {shown} | {wanted} | {verdict} |")

    def quotient(figure: str, ours: Row | None, theirs: Row | None) -> float | None:
        return getattr(ours, figure) / getattr(theirs, figure) if ours and theirs else None

    def ratio(figure: str, count: int, other: str) -> float | None:
        return quotient(figure, valid.get(("gateway", count)), valid.get((other, count)))

    for count in connections:
        speed = ratio("emits_per_second", count, "ceiling")
        add(f"req/s, gateway / ceiling, {count:,} connections", speed, "≥ 0.85", lambda value: value >= 0.85)
    for count in connections:
        cost = ratio("cpu_microseconds", count, "ceiling")
        add(f"CPU per request, gateway / ceiling, {count:,} connections", cost, "≤ 1.4", lambda value: value <= 1.4)
    for count in connections:
        # There is no target where no earlier build was given.
        if ("before", count) in rows:
            speed = ratio("emits_per_second", count, "before")
            add(f"req/s, gateway / before, {count:,} connections", speed, "≥ 0.97", lambda value: value >= 0.97)
    for count in connections:
        speed = quotient("emits_per_second", valid.get(("guarded", count)), valid.get(("gateway", count)))
        add(f"req/s, guarded / gateway, {count:,} connections", speed, "≥ 0.9", lambda value: value >= 0.9)
    few = min(connections)
    for other, wanted in (("fastapi", 12), ("management", 20)):
        speed = ratio("emits_per_second", few, other)
        add(f"req/s, gateway / {other}", speed, f"≥ {wanted}", lambda value: value >= wanted, "{:.1f}")
    speeds = {count: row.emits_per_second for (name, count), row in valid.items() if name == "gateway"}
    kept = speeds[1024] / max(speeds.values()) if 1024 in speeds and len(speeds) > 1 else None
    add("req/s, gateway, 1,024 connections / its best", kept, "≥ 0.8", lambda value: value >= 0.8)
    row = valid.get(("gateway", 64))
    add("RSS of the gateway, 64 connections", row and row.mebibytes, "< 25 MiB", lambda mib: mib < 25, "{:.1f} MiB")
    library = next((row for (name, _), row in valid.items() if name == LIBRABBITMQ), None)
    for items in batches:
        speed = quotient("emits_per_second", valid.get((f"batch-{items}", CONNECTIONS)), library)
        add(f"emits/s, gateway in batches of {items:,} / librabbitmq", speed, "≥ 0.7", lambda value: value >= 0.7)
    return "\n".join(lines)


def machine(broker_overview: dict, load: float) -> str:
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    erlang = broker_overview["erlang_version"]
    return "\n".join(
        [
            f"- {date}, {len(os.sched_getaffinity(0))} cores of {procfs.cpu_model()}, Linux {platform.release()}",
            f"- load average before: {load:.2f} (more than a few tenths: somebody else was working here)",
            f"- RabbitMQ {broker_overview['rabbitmq_version']} on Erlang {erlang}",
            f"- {', '.join(f'{package} {_version(package)}' for package in PACKAGES)}",
            f"- {', '.join(_python_packages())}",
        ]
    )


def _version(package: str) -> str:
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout or "?"
    except OSError:
        return "?"


def _python_packages() -> list[str]:
    here = Path(__file__).parent
    # "version = 3.11.2": the interpreter that FastAPI runs on.
    settings = dict(line.split(" = ") for line in (here / ".venv-bench/pyvenv.cfg").read_text().splitlines())
    pins = (here / "requirements.txt").read_text().partition("# Theirs")[0]
    return [f"Python {settings['version']}", *(line.replace("==", " ") for line in pins.splitlines() if "==" in line)]
