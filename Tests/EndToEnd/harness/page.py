"""What stands in the pages of docs, for the tests that run it."""

import re

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
