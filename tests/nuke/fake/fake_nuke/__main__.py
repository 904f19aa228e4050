"""`python -m fake_nuke [-V 15.1] -t script.py arguments...`: a Nuke in a terminal, with NUKE_PATH's plugins."""

from __future__ import annotations

import os
import re
import runpy
import sys

from .host import FakeNuke

# Nuke takes frame ranges of the command line for itself: scripts find them in nuke.rawArgs alone.
_RANGE = re.compile(r"^-?\d+(--?\d+)?(x\d+)?(,-?\d+(--?\d+)?(x\d+)?)*$")


def main(arguments: list[str]) -> None:
    """Run a script as `nuke -t` does; its exit code becomes this process's."""
    version = (15, 1)
    if arguments[:1] == ["-V"]:
        major, _, minor = arguments[1].partition(".")
        version = int(major), int(minor or 0)
        arguments = arguments[2:]
    if arguments[:1] != ["-t"] or len(arguments) < 2:
        raise SystemExit("usage: python -m fake_nuke [-V 15.1] -t script.py arguments...")
    script, *rest = arguments[1:]
    with FakeNuke(version, gui=False, arguments=[script, *rest]) as host:
        for folder in filter(None, os.environ.get("NUKE_PATH", "").split(os.pathsep)):
            host.nuke.pluginAddPath(folder)
        sys.argv = [script, *(one for one in rest if not _RANGE.match(one))]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
