#!/usr/bin/env python3
"""Writes what the built program is made of (CycloneDX 1.5, JSON): packages that are linked in, and Debian's libraries that it loads.

    scripts/sbom.py BINARY >sbom.json
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def component(kind, name, version, purl, license_id=None, **more):
    found = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl, **more}
    return found | ({"licenses": [{"license": {"id": license_id}}]} if license_id else {})


def linked_in(resolved):
    """Swift packages, at the revisions that were built, and Swift's own libraries."""
    for pin in json.loads(resolved.read_text())["pins"]:
        version, place = pin["state"]["version"], re.sub(r"^https://|\.git$", "", pin["location"])
        yield component("library", pin["identity"], version, f"pkg:swift/{place}@{version}", "Apache-2.0")
    version = re.search(r"Swift version (\S+)", output("swift", "--version"))[1]
    yield component("library", "swift", version, f"pkg:generic/swift@{version}", "Apache-2.0")


def loaded(binary):
    """The packages of the libraries that the program itself names, as they are installed here."""
    needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", output("readelf", "--dynamic", binary))
    owners = {}
    for line in output("dpkg-query", "--search", *(f"*/{library}" for library in needed)).splitlines():
        package, _, path = line.partition(": ")
        owners.setdefault(Path(path).name, package)
    for library in sorted(needed):
        version, name = output("dpkg-query", "--show", "--showformat=${Version} ${Package}", owners[library]).split()
        properties = [{"name": "library", "value": library}]
        yield component("library", name, version, f"pkg:deb/debian/{name}@{version}".replace("+", "%2B"), properties=properties)


def main(binary):
    version = output(binary, "--version")
    program = component("application", "socketio-gateway", version, f"pkg:generic/socketio-gateway@{version}", "Apache-2.0")
    components = {}
    for each in [*linked_in(Path(__file__).parent.parent / "Package.resolved"), *loaded(binary)]:
        known = components.setdefault(each["purl"], each)
        if known is not each:
            known["properties"] += each["properties"]  # a package with several libraries
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": list(components.values()),
        "dependencies": [{"ref": program["purl"], "dependsOn": list(components)}],
    }
    json.dump(document, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main(sys.argv[1])
