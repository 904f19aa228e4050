"""Mattes from a shell or a farm: `nuke -t generate.py script.nk node range`; lines of progress, exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path, PurePath
from typing import Any, List, NoReturn, Optional, Sequence

import nuke

from . import computation, computation_words, host, node_finding
from .compute_plan import Frames

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
EVERY = "*"
_ENTRY = "generate.py"


class UsageError(Exception):
    """The command line is wrong; its text is a sentence that says how it is meant."""


def main(given: Optional[Sequence[str]] = None) -> int:
    """Do what the command line says; returns the exit code. given: by default this process's own arguments.

    0: every node that was named shows its mattes. 1: something failed. 2: the call is wrong. 130: Ctrl-C.
    """
    arguments = None
    try:
        arguments = _parsed(own_arguments() if given is None else list(given))
        _generate_all(arguments)
    except UsageError as reason:
        return _told(arguments, str(reason), USAGE)
    except KeyboardInterrupt:
        return _told(arguments, "Interrupted: frames that were done are kept.", INTERRUPTED)
    except Exception as reason:
        if not computation_words.is_sentence(reason):
            raise
        return _told(arguments, str(reason), int(getattr(reason, "exit_code", FAILED)))
    return DONE


def own_arguments() -> List[str]:
    """What stands behind this script's name. Nuke keeps frame ranges for itself and out of sys.argv."""
    raw = [str(one) for one in nuke.rawArgs]
    for place, one in enumerate(raw):
        if PurePath(one).name == _ENTRY:
            return raw[place + 1 :]
    return sys.argv[1:]


class _Parser(argparse.ArgumentParser):
    """One whose complaints are exceptions: argparse would end Nuke by itself."""

    def error(self, message: str) -> NoReturn:
        """Complain."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. {' '.join(self.format_usage().split())}")


class _JsonProgress:
    """Progress as lines of JSON, in place of those for a person."""

    def __init__(self, node: str) -> None:
        """node: whose mattes are made."""
        self._node = node

    def set(self, fraction: float, sentence: str) -> None:
        """Write a line."""
        _write({"type": "progress", "node": self._node, "fraction": round(fraction, 4), "sentence": sentence})

    def cancelled(self) -> bool:
        """Nobody can press a Cancel here."""
        return False

    def close(self) -> None:
        """Nothing is held."""


def _parsed(given: List[str]) -> argparse.Namespace:
    """The command line's parts. Raises UsageError, SystemExit for --help."""
    parser = _Parser(prog="nuke -t generate.py", description="Make the mattes of Semantic Matte nodes.")
    parser.add_argument("script", help="the .nk file")
    parser.add_argument("node", help="a Semantic Matte node's name, or '*' for all of the script")
    parser.add_argument("range", nargs="?", help="frames, as 1001-1050x2,1060; by default the node's own")
    parser.add_argument("--views", help="views, as left,right; by default the node's own")
    parser.add_argument("--save", action="store_true", help="save the script with what the nodes show then")
    parser.add_argument("--save-as", metavar="FILE", help="save it under another name")
    parser.add_argument("--json", action="store_true", help="write lines of JSON")
    # A range may begin with the sign of a negative frame, which is no option.
    given = [f" {one}" if one[:1] == "-" and one[1:2].isdigit() else one for one in given if one != "--"]
    arguments = parser.parse_args(given)
    if arguments.save and arguments.save_as:
        raise UsageError("Give --save or --save-as, not both.")
    return arguments


def _generate_all(arguments: argparse.Namespace) -> None:
    """Open the script, make the mattes of the nodes, save if that was asked for.

    With '*' a node that fails keeps the others from nothing; what was done is saved.
    """
    _open(arguments.script)
    nodes = _nodes(arguments.node)
    failed: List[Exception] = []
    for node in nodes:
        try:
            _generate(node, arguments)
        except computation_words.ComputationError as reason:
            if reason.exit_code == USAGE or len(nodes) == 1:
                raise
            _told(arguments, f"{node.fullName()}: {reason}", reason.exit_code)
            failed.append(reason)
    if len(failed) < len(nodes):
        _save(arguments)
    if failed:
        raise computation_words.ComputationError(f"{len(failed)} of {len(nodes)} nodes have no new mattes.")


def _generate(node: nuke.Group, arguments: argparse.Namespace) -> None:
    """Make the mattes of one node, and say what came."""
    name = node.fullName()
    frames: Optional[Frames] = arguments.range.strip() if arguments.range is not None else None
    progress = _JsonProgress(name) if arguments.json else None
    done = computation.run(node, frames, arguments.views, progress)
    shown = done.results
    if arguments.json:
        slots = [one.slot for one in shown.slots] if shown else []
        folder = shown.folder if shown else ""
        _write({"type": "done", "node": name, "folder": folder, "slots": slots, "notices": done.notices})
    elif shown is not None:
        print(f"{name}: {len(shown.slots)} instances, {shown.words}", flush=True)
        print(f"{name}: {shown.folder}", flush=True)


def _open(script: str) -> None:
    """Open the script. Raises UsageError, ComputationError."""
    if not Path(script).is_file():
        raise UsageError(f"There is no script '{script}': give the path of a .nk file.")
    try:
        nuke.scriptOpen(host.forward(str(Path(script).absolute())))
    except RuntimeError as reason:
        words = " ".join(str(reason).split()).rstrip(".")
        raise computation_words.ComputationError(f"The script '{script}' can't be opened: {words}.") from None


def _nodes(name: str) -> List[Any]:
    """The nodes that are meant. Raises UsageError."""
    if name == EVERY:
        found = node_finding.all_nodes()
        if not found:
            raise UsageError("The script has no Semantic Matte node.")
        return found
    try:
        return [node_finding.resolve(name)]
    except node_finding.NodeError as reason:
        raise UsageError(str(reason)) from None


def _save(arguments: argparse.Namespace) -> None:
    """Save the script where that was asked for. Raises ComputationError."""
    try:
        if arguments.save:
            nuke.scriptSave()
        elif arguments.save_as:
            nuke.scriptSaveAs(host.forward(str(Path(arguments.save_as).absolute())), 1)
    except RuntimeError as reason:
        words = " ".join(str(reason).split()).rstrip(".")
        raise computation_words.ComputationError(
            f"The mattes are done, and the script can't be saved ({words}): allow it, or use --save-as."
        ) from None


def _told(arguments: Optional[argparse.Namespace], sentence: str, code: int) -> int:
    """Write a sentence where errors go; returns the exit code."""
    print(f"Semantic Matte: {sentence}", file=sys.stderr, flush=True)
    if arguments is not None and arguments.json:
        _write({"type": "failed", "sentence": sentence, "exit_code": code})
    return code


def _write(line: Any) -> None:
    """One line of JSON."""
    print(json.dumps(line), flush=True)
