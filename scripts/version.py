#!/usr/bin/env python3
"""The version. It stands in the file VERSION; sources, packages and pages that state it, too, are listed here.

    scripts/version.py              prints it
    scripts/version.py 0.3.0        raises it everywhere, and makes a section of what CHANGELOG.md has as Unreleased
    scripts/version.py --check      names who states another one
    scripts/version.py --release    the same, and whether CHANGELOG.md has its section, and git everything
"""

import datetime
import re
import subprocess
import sys
from pathlib import Path

NUMBER = r"\d+\.\d+\.\d+"
# Who states it, and how: the number is between the two.
PLACES = [
    ("Sources/Gateway/GatewayCommand.swift", r'static let version = "', r'"'),
    ("openapi.yaml", r"^  version: ", r"$"),
    ("openapi.yaml", r"^ {10,}version: ", r"$"),
    ("adapters/node/package.json", r'^  "version": "', r'"'),
    ("adapters/node/lib/version.js", r'VERSION = "', r'"'),
    ("adapters/python/socketio_gateway_responder/version.py", r'VERSION = "', r'"'),
    ("emitters/node/package.json", r'^  "version": "', r'"'),
    ("emitters/node/index.js", r'VERSION = "', r'"'),
    ("emitters/python/socketio_gateway_emitter/__init__.py", r'^VERSION = "', r'"'),
    ("emitters/php/Gateway.php", r"VERSION = '", r"'"),
    ("emitters/ruby/lib/socketio_gateway.rb", r'VERSION = "', r'"'),
    ("emitters/go/emitter.go", r'\bversion += "', r'"'),
    ("emitters/go/README.md", r"socketio-gateway/emitter@v", r" "),
    ("deploy/kubernetes/base/deployment.yaml", r"image: socketio-gateway:", r"$"),
    ("examples/swift/Package.swift", r'socketio-gateway\.git", from: "', r'"'),
    ("docs/cluster-protocol.md", r"socketio-gateway-responder/", r'"'),
]


class Repository:
    def __init__(self, folder):
        self.folder = Path(folder)

    @property
    def version(self):
        return self.text("VERSION").strip()

    def text(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def disagreements(self):
        """A line for each place that states another version, or none any more."""
        if not re.fullmatch(NUMBER, self.version):
            yield f"VERSION: {self.version!r} is not three numbers"
        for name, before, after in PLACES:
            found = re.findall(f"{before}({NUMBER}){after}", self.text(name), re.MULTILINE)
            if not found:
                yield f"{name}: no version after {before}"
            yield from (f"{name}: {other}, and VERSION has {self.version}" for other in found if other != self.version)

    def unready(self):
        """What else is in the way of a release."""
        if not self.section(self.version).strip():
            yield f"CHANGELOG.md: no section '## {self.version} - YEAR-MONTH-DAY', or nothing in it"
        changes = subprocess.run(
            ["git", "status", "--porcelain"], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.splitlines()
        yield from (f"{line[3:]}: not committed" for line in changes)

    def section(self, version):
        """What CHANGELOG.md has for it."""
        found = re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", self.text("CHANGELOG.md"), re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    def raise_to(self, version, day):
        if not re.fullmatch(NUMBER, version):
            sys.exit(f"version: {version!r} is not three numbers")
        if self.version != version and numbers(version) < numbers(self.version):
            sys.exit(f"version: {version} comes before {self.version}")
        changelog = self.text("CHANGELOG.md")
        if f"\n## {version} " in changelog:
            sys.exit(f"version: CHANGELOG.md has {version} already")
        unreleased = "\n## Unreleased\n"
        if changelog.count(unreleased) != 1:
            sys.exit("version: CHANGELOG.md has no section Unreleased")
        self.write("CHANGELOG.md", changelog.replace(unreleased, f"{unreleased}\n## {version} - {day}\n"))
        self.write("VERSION", f"{version}\n")
        for name, before, after in PLACES:
            text = re.sub(f"({before}){NUMBER}({after})", rf"\g<1>{version}\g<2>", self.text(name), flags=re.MULTILINE)
            self.write(name, text)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")


def numbers(version):
    return [int(number) for number in version.split(".")]


def main(words):
    repository = Repository(Path(__file__).resolve().parent.parent)
    match words:
        case []:
            print(repository.version)
        case ["--check" | "--release" as what]:
            found = list(repository.disagreements()) + (list(repository.unready()) if what == "--release" else [])
            if found:
                sys.exit("\n".join(found))
        case [version] if not version.startswith("-"):
            repository.raise_to(version, datetime.datetime.now(datetime.timezone.utc).date())
        case _:
            sys.exit(__doc__.strip())


if __name__ == "__main__":
    main(sys.argv[1:])
