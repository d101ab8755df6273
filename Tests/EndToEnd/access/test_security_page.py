"""docs/threats.md names a test for what it promises, and each of them exists."""

import re

from harness import REPOSITORY

PAGE = (REPOSITORY / "docs" / "threats.md").read_text()
TESTS = REPOSITORY / "Tests"


def named():
    """(file, test) of each test that is named: of Python by its function, of Swift by its text."""
    return re.findall(r"`(\w+\.py)::(\w+)`", PAGE) + re.findall(r'`(\w+\.swift)::"([^"]+)"`', PAGE)


def existing(file):
    """The tests of all files of this name."""
    texts = [path.read_text() for path in TESTS.rglob(file)]
    pattern = r"^def (test_\w+)" if file.endswith(".py") else r'@Test\(\s*"([^"]+)"'
    return {name for text in texts for name in re.findall(pattern, text, re.MULTILINE)}


def test_every_test_that_is_named_exists():
    assert [(file, name) for file, name in named() if name not in existing(file)] == []


def test_every_name_is_written_so_that_it_is_found():
    assert PAGE.count("::") == len(named()) + 1, "and the sentence that says how they are written"


def test_every_threat_has_a_test_or_says_that_it_has_none():
    rows = [row.strip("|").split(" | ") for row in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE)]
    threats = [row for row in rows if row[0].strip() not in ("threat", "---|---|---")]
    assert len(threats) > 40
    assert [row for row in threats if len(row) != 3 or not ("::" in row[2] or row[2].startswith("none: "))] == []
