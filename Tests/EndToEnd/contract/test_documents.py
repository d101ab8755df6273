"""What is true of all documents: their links lead somewhere, their lines are short, and each is found from the index."""

import ast
import re
import subprocess
from functools import cache
from pathlib import PurePosixPath

import pytest
import yaml

from harness import REPOSITORY, pages

COLUMNS = 120
README_LINES = 130
PRINTED = "docs/configuration.md"  # by the program, a paragraph in one line
# Not yet broken anew: lines of these may be longer.
LONG_LINES = {PRINTED}


def tracked(*patterns):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in output.splitlines() if (REPOSITORY / name).is_file())


PAGES = tracked("*.md")


@cache
def lines_of(page):
    """Its lines with their numbers, and whether each is code in a fence."""
    found, fence = [], None
    for number, line in enumerate((REPOSITORY / page).read_text().splitlines(), 1):
        mark = re.match(r" *(`{3,})", line)
        is_code = fence is not None or mark is not None
        if mark and fence is None:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = None
        found.append((number, line, is_code))
    assert fence is None, f"{page}: a block of code is not closed"
    return found


@cache
def anchors(page):
    """As GitHub makes them of headings."""
    names = []
    for _, line, is_code in lines_of(page):
        heading = re.match(r"#+ (.*)", line)
        if heading and not is_code:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.append(f"{name}-{names.count(name)}" if name in names else name)
    return names


def prose(page):
    """Without code, in fences and in lines."""
    text = "\n".join("" if is_code else line for _, line, is_code in lines_of(page))
    return re.sub(r"(`+)(?!`).*?\1", "", text, flags=re.DOTALL)


def links(page):
    """Those that lead into the repository: (as it is written, the file, the anchor)."""
    text = re.sub(r"\[`+([^`\]]*)`+\]", r"[\1]", "\n".join("" if c else line for _, line, c in lines_of(page)))
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(`+)(?!`).*?\1", "", text, flags=re.DOTALL))
    for target in targets:
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            file = (REPOSITORY / page).parent / path if path else REPOSITORY / page
            yield target, file.resolve(), anchor


def faults(page):
    for target, file, anchor in links(page):
        if not file.is_relative_to(REPOSITORY):
            yield f"{target} leaves the repository"
            continue
        name = file.relative_to(REPOSITORY).as_posix()
        if not file.exists():
            yield f"{target}: no such file"
        elif anchor and (name not in PAGES or anchor not in anchors(name)):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert list(faults(page)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in LONG_LINES])
def test_lines_are_short(page):
    def may_be_long(line, is_code):
        # A link, or a word of code, that is too long for any line stands on its own.
        return is_code or line.startswith("|") or len(re.sub(r"\]\([^)]*\)|<?https?://\S+|`[^`]*`", "", line)) < COLUMNS / 2

    assert [(n, len(line)) for n, line, is_code in lines_of(page) if len(line) > COLUMNS and not may_be_long(line, is_code)] == []


def test_the_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= README_LINES


def test_the_index_has_every_page():
    indexed = {file.relative_to(REPOSITORY).as_posix() for _, file, _ in links("docs/README.md")}
    # Those of docs/operating have an overview of their own.
    pages = {page for page in PAGES if page.startswith("docs/") and not page.startswith("docs/operating/")}
    assert pages - indexed == {"docs/README.md"}


NAMED = re.compile(r"(?<![\w/.-])((?:docs|adapters|examples|bench|Tests)/[\w/.-]*\.md|(?:README|CONTRIBUTING|SECURITY|CHANGELOG)\.md)\b")


def test_pages_that_sources_and_help_texts_name_are_there():
    """What a comment, a message of the program or the contract calls a page is one."""
    places = tracked("Sources", "Tests", "adapters", "examples", "demo", "scripts", "bench", "openapi.yaml", "Makefile", "Dockerfile")
    missing = []
    for place in places:
        if place.endswith((".md", ".json", "test_documents.py")):
            continue
        try:
            text = (REPOSITORY / place).read_text()
        except UnicodeDecodeError:
            continue
        for name in NAMED.findall(text):
            beside = (REPOSITORY / place).parent / name
            if not (REPOSITORY / name).exists() and not beside.exists():
                missing.append((place, name))
    assert missing == []


def test_a_url_of_the_pages_own_service_is_a_route():
    """`/problems`, `/readyz` and others that pages name are in the contract."""
    contract = (REPOSITORY / "openapi.yaml").read_text()
    routes = set(re.findall(r"^  (/\S*):$", contract, re.MULTILINE))
    for page in PAGES:
        if page.startswith(("docs/", "README")) and page != PRINTED:
            for path in re.findall(r"`(?:GET|POST|DELETE) (/[\w/{}.-]+)(?:\?\S*)?`", (REPOSITORY / page).read_text()):
                known = {re.sub(r"\{\w+\}", "{}", route) for route in routes}
                assert re.sub(r"\{\w+\}", "{}", path) in known, f"{page}: {path}"


def test_pages_begin_with_a_heading_and_an_example():
    """Each page of documents has its own first example, but for those that only lead on, list or explain."""
    without = {"README", "problems", "configuration", "threats", "security", "logs-and-metrics", "permissions", "design", "operating", "supported"}
    for page in PAGES:
        name = PurePosixPath(page)
        if page.startswith("docs/") and name.stem not in without and not page.startswith("docs/operating/"):
            lines = lines_of(page)
            assert lines[0][1].startswith("# "), page
            assert any(is_code for _, _, is_code in lines[:40]), f"{page} has no example on its first screen"


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(("docs/", "README", "adapters/"))])
def test_code_in_pages_can_be_read(page, tmp_path):
    """By its own language; `…` stands for what is left out."""
    for block in pages.blocks(pages.page(page), "json"):
        pages.json_with_gaps(block)
    for block in pages.blocks(pages.page(page), "yaml"):
        list(yaml.safe_load_all(block))
    for block in pages.blocks(pages.page(page), "python"):
        compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    for number, block in enumerate(pages.blocks(pages.page(page), "js")):
        file = tmp_path / f"{number}.mjs"
        file.write_text(block)
        subprocess.run(["node", "--check", file], check=True, timeout=30)
    for block in pages.blocks(pages.page(page), "sh"):
        subprocess.run(["sh", "-n"], input=block, text=True, check=True, timeout=10)


def test_errors_that_pages_name_are_problems_of_this_status():
    problems = dict(re.findall(r"^## (\w+)\n\n(\d+) ·", (REPOSITORY / "docs" / "problems.md").read_text(), re.MULTILINE))
    named = [(page, *found) for page in PAGES for found in re.findall(r"\b([45]\d\d) `(\w+)`", (REPOSITORY / page).read_text())]
    assert len(named) > 30
    assert [(page, status, code) for page, status, code in named if page != "CHANGELOG.md" and problems.get(code) != status] == []
