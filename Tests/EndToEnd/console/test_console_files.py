"""The console's files: how many bytes, which ones are others', which colours, and what none of them does."""

import hashlib
import re

import pytest

from harness import REPOSITORY

CONSOLE = REPOSITORY / "console"
OWN = sorted(file for file in CONSOLE.iterdir() if file.is_file())
VENDORED = {"preact-10.27.2-htm-3.1.1.min.js": "2ad4f06c517e968b6382c26262363ebb89ebd7bcf3f7dc29a8368fe5b542861b"}
LICENCES = {"LICENSE-preact.txt": "The MIT License", "LICENSE-htm.txt": "Apache License"}
STYLE = (CONSOLE / "style.css").read_text()
SCRIPTS = {file.name: file.read_text() for file in OWN if file.suffix == ".js"}

# Text and what it stands on; the third is the least contrast by WCAG 2.2, AA: 4.5 for text, 3 for edges and for the
# outline of what has the focus.
PAIRS = [
    *[(text, ground, 4.5) for text in ("text", "quiet", "accent", "good", "warn", "bad") for ground in ("page", "card", "chosen")],
    *[("over", ground, 4.5) for ground in ("accent", "bad")],
    *[("edge", ground, 3) for ground in ("page", "card")],
]


def colours(scheme):
    """By name, as bytes."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = dict(re.findall(r"--(\w+): #(\w+);", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--(\w+): #(\w+);", dark))
    return {name: bytes.fromhex(text if len(text) == 6 else "".join(2 * digit for digit in text)) for name, text in found.items()}


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (byte / 255 for byte in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_all_of_it_is_at_most_60_kib():
    assert sum(file.stat().st_size for file in OWN) <= 60 * 1024


def test_what_is_others_is_as_they_made_it_with_its_licences():
    files = {file.name: file for file in (CONSOLE / "vendor").iterdir()}
    assert files.keys() == VENDORED.keys() | LICENCES.keys()
    for name, digest in VENDORED.items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest
    for name, title in LICENCES.items():
        assert title in files[name].read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(scheme):
    known = colours(scheme)
    faint = {(text, ground): contrast(known[text], known[ground]) for text, ground, least in PAIRS
             if contrast(known[text], known[ground]) < least}  # fmt: skip
    assert faint == {}


def test_every_colour_has_a_name():
    assert re.findall(r"#[0-9a-f]{3,6}\b", re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_names_become_text_and_nothing_else(name):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|dangerously|\beval\b|new Function|\bstyle=", SCRIPTS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_asked_of_others_and_no_cookie_is_set(name):
    assert not re.search(r"https?://|document\.cookie|localStorage|XMLHttpRequest|sendBeacon|EventSource\(", SCRIPTS[name])
    # What is shown to be copied calls it, too.
    assert not re.search(r"\bfetch\((?!\$)", SCRIPTS[name]) or name == "api.js"


def test_the_page_loads_its_own_files_only():
    page = (CONSOLE / "index.html").read_text()
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {"data:,", "style.css", "app.js"}
    assert not re.search(r"<style|\bon\w+=|<script(?! type=\"module\" src=)", page)
