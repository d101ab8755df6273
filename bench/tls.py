#!/usr/bin/env python3
"""Confirmed emits per second over TLS to the broker, as a share of those without: measured in pairs, on one broker.

    bench/tls.py --gateway .build/release/socketio-gateway

Progress goes to standard error, the report to standard output. RabbitMQ, on the same machine, encrypts as well.
"""

import argparse
import importlib.util
import random
import statistics
import sys
import tempfile
from pathlib import Path

import quiet
from broker import Management
from candidates import ROOM, CandidateError, Gateway
from rabbitmq import PrivateRabbitMQ, free_ports
from sample import Sample
from wrk import measure

CERTIFICATES = Path(__file__).resolve().parents[1] / "Tests" / "EndToEnd" / "harness" / "certificates.py"


class Secured(Gateway):
    """The same over TLS 1.3, with the certificate checked."""

    def __init__(self, binary: Path, broker: PrivateRabbitMQ, folder: Path, port: int, ca: Path):
        super().__init__("TLS", binary, broker, folder)
        self._url, self._ca = f"amqps://guest:guest@localhost:{port}/%2F", ca

    def environment(self):
        return {**super().environment(), "GATEWAY_AMQP_URL": self._url, "GATEWAY_AMQP_CA_FILE": str(self._ca)}


def authority_in(folder: Path):
    """A certificate authority of the tests."""
    spec = importlib.util.spec_from_file_location("certificates", CERTIFICATES)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Authority(folder / "authority")


def measure_once(candidate: Gateway, management: Management, connections: int, seconds: int) -> Sample:
    try:
        candidate.start()
        candidate.prove(management)
        sample = measure(candidate, connections, seconds)
    finally:
        candidate.stop()
    if sample.errors:
        raise CandidateError(f"{candidate.name}: {sample.errors} errors")
    return sample


def main():
    parser = argparse.ArgumentParser(description="Measure what TLS to the broker costs.")
    parser.add_argument("--gateway", type=Path, required=True, help="path of the release build")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (default 2)")
    parser.add_argument("--rounds", type=int, default=10, help="of pairs (default 10)")
    parser.add_argument("--connections", type=int, default=64, help="default 64")
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait for a quiet machine (default 30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-tls-") as name:
        folder = Path(name)
        authority = authority_in(folder)
        (port,) = free_ports(1)
        settings = authority.broker_settings(*authority.issue("broker", ["DNS:localhost"]), port)
        # The settings name the mechanism of its plugin, too.
        plugins = ["rabbitmq_management", "rabbitmq_auth_mechanism_ssl"]
        with PrivateRabbitMQ(plugins=plugins, settings=settings, starts_fast=False) as broker:
            assert broker.management_port is not None
            management = Management(broker.management_port)
            management.wait()
            management.declare(ROOM)
            binary = options.gateway.resolve()
            pair = [Gateway("plain", binary, broker, folder), Secured(binary, broker, folder, port, authority.certificate)]
            samples: dict[str, list[Sample]] = {candidate.name: [] for candidate in pair}
            for number in range(options.rounds):
                random.shuffle(pair)
                busy = quiet.wait(options.patience)
                for candidate in pair:
                    sample = measure_once(candidate, management, options.connections, options.seconds)
                    samples[candidate.name].append(sample)
                plain, tls = (samples[name][-1].emits_per_second for name in ("plain", "TLS"))
                text = f"round {number + 1}: plain {plain:,.0f} emits/s, TLS {tls:,.0f}: {tls / plain:.2f}"
                print(f"{text} (machine {busy:.0%} busy before)", file=sys.stderr, flush=True)
    for name, values in samples.items():
        rate = statistics.median(sample.emits_per_second for sample in values)
        cpu = statistics.median(sample.cpu_microseconds for sample in values)
        print(f"{name}: {rate:,.0f} emits/s, {cpu:.1f} µs of the gateway's CPU for each (medians)")
    pairs = zip(samples["plain"], samples["TLS"], strict=True)
    ratios = sorted(tls.emits_per_second / plain.emits_per_second for plain, tls in pairs)
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    print(f"TLS / plain: {middle:.2f} (median of {len(ratios)} pairs, quartiles {low:.2f} and {high:.2f})")


if __name__ == "__main__":
    main()
