#!/usr/bin/env python3
"""Writes the manual page of the program that is named, out of what it says of itself: manual.py BINARY >socketio-gateway.1"""

import json
import subprocess
import sys


def escaped(text):
    """For a line of roff: no dash of a name becomes a hyphen, and none begins with what would be a command."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return "\\&" + text if text[:1] in ".'" else text


def option(argument):
    """The line that names it."""
    names = [("--" if name["kind"].startswith("long") else "-") + name["name"] for name in argument.get("names", [])]
    value = f"<{argument['valueName']}>"
    if argument["kind"] == "positional":
        return value
    return ", ".join(names) + ("" if argument["kind"] == "flag" else f" {value}")


def synopsis(command, words):
    parts = []
    for argument in command.get("arguments", []):
        if argument["kind"] == "positional":
            text = f"<{argument['valueName']}>" + ("..." if argument["isRepeating"] else "")
            parts.append(f"[{text}]" if argument["isOptional"] else text)
    return " ".join([*words, "[options]", *parts])


def sections(command, words):
    if command["commandName"] == "help":
        return
    words = [*words, command["commandName"]]
    arguments = [each for each in command.get("arguments", []) if each["shouldDisplay"]]
    below = command.get("subcommands", [])
    if not below:
        yield f'.SS "{escaped(" ".join(words[1:]))}"'
        yield f".B {escaped(synopsis(command, words))}"
        for text in (command.get("abstract"), command.get("discussion")):
            for paragraph in (text or "").split("\n\n"):
                if paragraph.strip():
                    yield f".PP\n{escaped(paragraph)}"
        for argument in arguments:
            yield f".TP\n.B {escaped(option(argument))}\n{escaped(argument.get('abstract', '')) or '.'}"
    for each in below:
        yield from sections(each, words)


def main(binary):
    run = subprocess.run([binary, "--experimental-dump-help"], check=True, capture_output=True, text=True)
    command = json.loads(run.stdout)["command"]
    version = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    name = command["commandName"]
    print(f'.TH {name.upper()} 1 "" "{name} {escaped(version)}"')
    print(".nh\n.ad l")  # names of variables are not to be broken
    print(f".SH NAME\n{escaped(name)} \\- {escaped(command['abstract'].rstrip('.'))}")
    print(f".SH SYNOPSIS\n.B {escaped(name)}\n<command> [options]")
    print(".SH COMMANDS")
    print("\n".join(sections(command, [])))
    print(".SH FILES")
    print(".TP\n.I /etc/socketio\\-gateway/gateway.yaml\nThe configuration of the service; every setting stands in it, with its default.")
    print(".TP\n.I /etc/socketio\\-gateway/secrets\nA folder of root's. The service gets each file in it as a credential.")
    print(".SH SEE ALSO\n.BR systemctl (1),\n.BR systemd.exec (5)")


if __name__ == "__main__":
    main(sys.argv[1])
