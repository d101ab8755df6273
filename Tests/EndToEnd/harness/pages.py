"""What stands in the pages of documents: blocks of code, and commands with what they print."""

import json
import re
from dataclasses import dataclass

from .rabbitmq import REPOSITORY


def page(path):
    """The text of a page, named from the top of the repository."""
    return (REPOSITORY / path).read_text()


def blocks(text, language):
    """The contents of all fences of this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block(text, language, beginning=""):
    """The one fence of this language that begins so."""
    (found,) = [found for found in blocks(text, language) if found.startswith(beginning)]
    return found


def section(text, heading):
    """What stands below a heading of the second level."""
    return re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


@dataclass
class Command:
    line: str  # for a shell, over several lines perhaps
    output: str


def console(text):
    """The commands behind a `$`, each with the output that the page shows."""
    parts = [part for found in blocks(text, "console") for part in re.split(r"^\$ ", found, flags=re.MULTILINE)]
    return [_command(part) for part in parts if part.strip()]


def _command(text):
    lines = text.splitlines()
    count, end = 1, re.search(r"<<(\w+)", text)
    while lines[count - 1].endswith(("\\", "|")):
        count += 1
    if end:
        count = lines.index(end[1]) + 1
    return Command("\n".join(lines[:count]), "\n".join(lines[count:]).strip())


LEFT_OUT = "…"


def json_with_gaps(text):
    """JSON in which `{…}`, `{…,` and `,…}` stand for members that are left out; such an object has a member `…`."""
    text = text.replace("{…}", '{"…":0}').replace("{…,", '{"…":0,').replace(",…}", ',"…":0}')
    return json.loads(text.replace("\n", ""))


def difference(shown, got, place=""):
    """Where what is shown has other members, or another kind of value, than what came; None if nowhere."""
    if shown is None or got is None:
        return None
    if isinstance(shown, bool) != isinstance(got, bool) or isinstance(shown, str) != isinstance(got, str):
        return f"{place}: {shown!r}, {got!r}"
    if isinstance(shown, dict):
        missing = shown.keys() - {LEFT_OUT} - got.keys() if isinstance(got, dict) else shown.keys()
        more = set() if LEFT_OUT in shown or not isinstance(got, dict) else got.keys() - shown.keys()
        if missing or more:
            return f"{place}: only shown {sorted(missing)}, only got {sorted(more)}"
        pairs = [(shown[name], got[name], f"{place}/{name}") for name in shown if name != LEFT_OUT]
    elif isinstance(shown, list):
        if not isinstance(got, list) or bool(shown) != bool(got):
            return f"{place}: {shown!r}, {got!r}"
        pairs = [(*both, f"{place}/{index}") for index, both in enumerate(zip(shown, got, strict=False))]
    else:
        pairs = []
    return next((found for pair in pairs if (found := difference(*pair))), None)
