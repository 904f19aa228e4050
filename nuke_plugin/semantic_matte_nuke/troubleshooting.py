"""Troubleshoot and Copy Log: all between Nuke and a matte is examined; what was said is written down."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import List, Optional

import nuke
from semantic_matte_client.version import VERSION

from . import host, node_finding, session_log

_thread: Optional[threading.Thread] = None


def start() -> None:
    """Examine in a thread, and show what was found when it ends; without a window wait and print it."""
    global _thread
    if not host.is_gui():
        host.say(f"Troubleshoot\n{report()}")
        return
    if _thread is not None and _thread.is_alive():
        host.tell("It is being examined: the findings come in a moment.")
        return
    host.say("Examining the engine; the findings come in a dialog.")
    _thread = threading.Thread(target=_examine, name="semantic-matte-doctor", daemon=True)
    _thread.start()


def report() -> str:
    """What was found, a line each: ok, warning or error, what it is, what to do. It waits for the engine."""
    from semantic_matte_client import doctor

    found = doctor()
    errors = sum(one.status == "error" for one in found)
    summary = "All is well." if found.ok else f"{errors} thing{'s' * (errors != 1)} to mend:"
    return f"{summary}\n{found!r}"


def _examine() -> None:
    """The thread's work: the answer is shown by the main thread."""
    found = report()
    host.in_main_thread(lambda: host.tell(found))


def copy_log() -> str:
    """Write what was said in this session, versions and our nodes into a file, and tell where it is.

    Nuke's Python reaches the clipboard through Qt alone, which this plugin does without. Returns the path.
    """
    handle, path = tempfile.mkstemp(prefix=time.strftime("semantic_matte_%Y%m%d_%H%M%S_"), suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(log_text())
    host.tell(f"The log is in '{host.forward(path)}': send that file along with a report.")
    return path


def log_text() -> str:
    """Versions, our nodes, and what was said."""
    parts = [
        f"Semantic Matte {VERSION}, Nuke {nuke.NUKE_VERSION_STRING}, Python {platform.python_version()}, "
        f"{platform.platform()}, {'with a window' if host.is_gui() else 'terminal'}",
        f"client '{_client_folder()}'",
        f"script '{host.script_path()}', views {', '.join(host.views())}",
        *_nodes(),
        "",
        session_log.text(),
    ]
    return "\n".join(parts) + "\n"


def _nodes() -> List[str]:
    """A line for each node of ours: what it says, what it shows."""
    lines = []
    for node in node_finding.all_nodes():
        values = {
            name: str(node[name].value())
            for name in ("semantic_matte_version", "status", "semantic_matte_results")
            if node.knob(name) is not None
        }
        lines.append(
            f"node '{node.fullName()}' of version {values.get('semantic_matte_version', '?')}: "
            f"{values.get('status', '')} | {values.get('semantic_matte_results', '')}"
        )
    return lines or ["no node in the script"]


def _client_folder() -> str:
    """Where the client lies that is in use."""
    module = sys.modules["semantic_matte_client"]
    return str(Path(str(module.__file__)).parent)
