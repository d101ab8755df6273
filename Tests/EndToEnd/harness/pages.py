"""What stands in the pages of documents: blocks of code, and commands with what they print."""

import json
import re
from dataclasses import dataclass

from .rabbitmq import REPOSITORY


def page(name):
    return (REPOSITORY / name).read_text()


def blocks(name, language):
    """The blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    line: str  # for a shell, over several lines perhaps
    output: str


def console(name):
    """The commands behind a `$`, each with the output that the page shows."""
    return [_command(text) for block in blocks(name, "console") for text in re.split(r"^\$ ", block, flags=re.MULTILINE) if text.strip()]


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
