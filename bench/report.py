"""The table, the targets, and the machine, as Markdown."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from statistics import median, quantiles

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


def _connections(count: int) -> str:
    return f"{count:,} connection{'s' if count > 1 else ''}"


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


class Ratio:
    """Two candidates, compared within each round: what the machine did in a round happened to both."""

    def __init__(self, figure: str, ours: list[Sample], theirs: list[Sample]):
        # Sorted: the quartiles are its elements, or between two of them.
        self.values = sorted(getattr(one, figure) / getattr(other, figure) for one, other in zip(ours, theirs))

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self):
        if len(self.values) < 4:
            return f"{self.median:.2f}"
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return f"{self.median:.2f} ({low:.2f} to {high:.2f})"


def targets(samples: Samples, connections: list[int], batches: list[int]) -> str:
    """What the gateway is to reach: medians and quartiles of ratios within a round. What has errors, or was not measured, is missing."""
    valid = {key: rounds for key, rounds in samples.items() if not any(sample.errors for sample in rounds)}
    lines = ["| target | measured | wanted | |", "|---|--:|--:|---|"]

    def add(what: str, value: float | None, shown: str, wanted: str, is_met):
        verdict = "not measured" if value is None else "" if is_met is None else "pass" if is_met(value) else "**miss**"
        lines.append(f"| {what} | {shown} | {wanted} | {verdict} |")

    def ratio(what: str, figure: str, ours: tuple[str, int], theirs: tuple[str, int], wanted: str, is_met=None):
        # There is no target for what nobody asked for.
        if ours not in samples or theirs not in samples:
            return
        found = Ratio(figure, valid[ours], valid[theirs]) if ours in valid and theirs in valid else None
        name = f"{what}, {ours[0]} / {theirs[0]}" + (f", {_connections(ours[1])}" if ours[1] == theirs[1] else "")
        add(name, found and found.median, "–" if found is None else str(found), wanted, is_met)

    def at_least(bound: float) -> dict:
        return {"wanted": f"≥ {bound:g}", "is_met": lambda value: value >= bound}

    def at_most(bound: float) -> dict:
        return {"wanted": f"≤ {bound:g}", "is_met": lambda value: value <= bound}

    for count in connections:
        for ours, theirs, speed, cost in (
            ("keyed", "ceiling-suspending", at_least(0.9), at_most(1.25)),
            ("keyed", "ceiling", {"wanted": ""}, {"wanted": ""}),
            ("gateway", "before", at_least(0.97), at_most(1.03)),
            ("guarded", "gateway", at_least(0.9), {"wanted": ""}),
        ):
            ratio("req/s", "emits_per_second", (ours, count), (theirs, count), **speed)
            ratio("CPU", "cpu_microseconds", (ours, count), (theirs, count), **cost)
    ratio("p50", "p50_milliseconds", ("keyed", 1), ("ceiling", 1), **at_most(1))
    few = min(connections)
    for other, bound in (("fastapi", 12), ("management", 20)):
        ratio("req/s", "emits_per_second", ("gateway", few), (other, few), **at_least(bound))
    ours = {count: rounds for (name, count), rounds in valid.items() if name == "gateway"}
    if 64 in ours:
        mebibytes = median(sample.resident_bytes for sample in ours[64]) / 2**20
        add("RSS of the gateway, 64 connections", mebibytes, f"{mebibytes:.1f} MiB", "< 25 MiB", lambda mib: mib < 25)
    library = next((key for key in samples if key[0] == LIBRABBITMQ), None)
    if library:
        for items in batches:
            ratio("emits/s", "emits_per_second", (f"batch-{items}", CONNECTIONS), library, **at_least(0.9))
    return "\n".join(lines)


def machine(broker_overview: dict, load: float, busy: list[float]) -> str:
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    erlang = broker_overview["erlang_version"]
    return "\n".join(
        [
            f"- {date}, {len(os.sched_getaffinity(0))} cores of {procfs.cpu_model()}, Linux {platform.release()}",
            f"- load average before: {load:.2f} (more than a few tenths: somebody else was working here)",
            f"- busy before a measurement: {median(busy):.0%} of all cores, at worst {max(busy):.0%}",
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
