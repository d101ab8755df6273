"""The version: one file has it, all who state it agree, and one command raises it."""

import datetime
import importlib.util
import re
import shutil
import subprocess
import sys

import pytest

from harness import REPOSITORY, VERSION, run_command

HIGHER = "98.76.54"
# Where the number is one of others' versions, or of history.
OTHERS = {"CHANGELOG.md", "VERSION", "Tests/requirements.txt", "Tests/packaging-requirements.txt", "docs/operating/upgrade.md"}


def loaded():
    spec = importlib.util.spec_from_file_location("version", REPOSITORY / "scripts/version.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLACES = loaded().PLACES


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def copy(tmp_path):
    """A repository with what states the version."""
    for name in {"VERSION", "CHANGELOG.md", "scripts/version.py", *(name for name, *_ in PLACES)}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "--quiet", "--message", "m")


def version(folder, *words):
    """Exit status, standard output, standard error."""
    run = subprocess.run([sys.executable, folder / "scripts/version.py", *words], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def test_all_agree():
    assert version(REPOSITORY, "--check") == (0, "", "")
    assert version(REPOSITORY) == (0, f"{VERSION}\n", "")
    assert run_command("--version") == (0, f"{VERSION}\n", "")


def test_nobody_else_states_it():
    number = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    stating = set()
    for name in git(REPOSITORY, "ls-files").splitlines():
        try:
            text = (REPOSITORY / name).read_text()
        except (OSError, UnicodeDecodeError):  # removed, or no text
            continue
        stating |= {name} if number.search(text) else set()
    assert stating - OTHERS == {name for name, *_ in PLACES}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
def test_who_states_another_one_is_named(copy, place):
    name, before, after = place
    text = (copy / name).read_text()
    (copy / name).write_text(re.sub(f"({before})[0-9.]+({after})", rf"\g<1>{HIGHER}\g<2>", text, count=1, flags=re.MULTILINE))
    assert version(copy, "--check") == (1, "", f"{name}: {HIGHER}, and VERSION has {VERSION}\n")
    (copy / name).write_text("")
    status, _, complaint = version(copy, "--check")
    assert status == 1 and f"{name}: no version" in complaint


def test_it_is_raised_everywhere(copy):
    before = (copy / "CHANGELOG.md").read_text()
    (copy / "CHANGELOG.md").write_text(before.replace("## Unreleased\n", "## Unreleased\n\n- New.\n", 1))
    assert version(copy, HIGHER) == (0, "", "")
    commit(copy)
    assert version(copy, "--release") == (0, "", "")
    assert version(copy) == (0, f"{HIGHER}\n", "")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    changelog = (copy / "CHANGELOG.md").read_text()
    assert re.search(rf"^## Unreleased\n\n## {re.escape(HIGHER)} - ({today}|{today - datetime.timedelta(1)})\n\n- New\.\n", changelog, re.MULTILINE)
    assert VERSION not in "".join((copy / name).read_text() for name, *_ in PLACES)


@pytest.mark.parametrize("word", ["0.0.1", "1.2", "v1.2.3", "--raise", "1.2.3-rc.1"])
def test_what_is_no_higher_version_changes_nothing(copy, word):
    status, output, complaint = version(copy, word)
    assert (status, output) == (1, "") and complaint
    assert git(copy, "status", "--porcelain") == ""


def test_what_is_raised_twice_has_one_section(copy):
    assert version(copy, HIGHER)[0] == 0
    changelog = (copy / "CHANGELOG.md").read_text()
    assert version(copy, HIGHER) == (1, "", f"version: CHANGELOG.md has {HIGHER} already\n")
    assert (copy / "CHANGELOG.md").read_text() == changelog


def test_a_release_has_its_section_and_is_committed(copy):
    version(copy, HIGHER)
    text = (copy / "CHANGELOG.md").read_text()
    (copy / "CHANGELOG.md").write_text(text.replace(f"## {HIGHER} - ", f"## {HIGHER} of "))
    status, output, complaint = version(copy, "--release")
    assert (status, output) == (1, "")
    assert f"CHANGELOG.md: no section '## {HIGHER} - " in complaint and "VERSION: not committed" in complaint
    # A section in which nothing is.
    (copy / "CHANGELOG.md").write_text(f"## Unreleased\n\n## {HIGHER} - 2026-01-01\n\n## 0.0.1 - 2025-01-01\n\n- old\n")
    commit(copy)
    status, output, complaint = version(copy, "--release")
    assert status == 1 and complaint.count("\n") == 1 and "nothing in it" in complaint
