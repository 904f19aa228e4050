"""Threads, progress and the terminal: what may be asked where."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import nuke

from .checking import SkippedError, check, same

PYTHONS = {14: (3, 9), 15: (3, 10), 16: (3, 11), 17: (3, 11)}
_SECONDS = 5.0


@check("Nuke 14 has Python 3.9, 15 has 3.10, 16 and 17 have 3.11.")
def pythons_are_known(folder: Path) -> object:
    """The plugin is written for 3.9."""
    major = int(nuke.NUKE_VERSION_MAJOR)
    if major not in PYTHONS:
        raise SkippedError(f"Nuke {major} is not one that the plugin was written for")
    return same(sys.version_info[:2], PYTHONS[major])


@check("nuke.GUI is False under -t.", needs="terminal")
def a_terminal_has_no_window(folder: Path) -> object:
    """By this the plugin knows whether somebody sees a dialog."""
    return same(bool(nuke.GUI), False)


@check("Under -t only init.py was run, and menu.py was not.", needs="terminal", facts=("no_menus_in_terminal",))
def only_init_runs_in_a_terminal(folder: Path) -> object:
    """What a render needs is in init.py."""
    return same([name for name in sys.modules if name == "menu"], [])


@check("ProgressTask takes its title alone, a message and a number, and is not cancelled.", needs="window")
def progress_takes_a_title(folder: Path) -> object:
    """17.1 takes nothing more."""
    task = nuke.ProgressTask("Acceptance")
    task.setMessage("Trying")
    task.setProgress(50)
    return same(bool(task.isCancelled()), False)


@check("A call queued by executeInMainThread waits until the main thread is free.", needs="window")
def queued_calls_wait_for_the_main_thread(folder: Path) -> object:
    """While a callback runs nothing of the plugin's thread comes in between."""
    heard: list[str] = []
    asked = threading.Event()

    def ask() -> None:
        """From the other thread."""
        nuke.executeInMainThread(heard.append, ("now",))
        asked.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    same(asked.wait(_SECONDS), True)
    time.sleep(0.2)
    return same(heard, [])


@check("tprint may be called from any thread.")
def any_thread_may_print(folder: Path) -> object:
    """What goes wrong in the job's thread is told at once."""
    failed: list[BaseException] = []

    def tell() -> None:
        """From the other thread."""
        try:
            nuke.tprint("Semantic Matte: said by a thread of the acceptance kit.")
        except Exception as reason:
            failed.append(reason)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return same((thread.is_alive(), failed), (False, []))


@check(
    "The names of the script's arguments are in sys.argv or nuke.rawArgs.",
    needs="terminal",
    facts=("ranges_only_in_raw_args",),
)
def arguments_reach_the_script(folder: Path) -> object:
    """generate.py is told its script, node and range so."""
    given = [*map(str, nuke.rawArgs), *sys.argv]
    return same(any(one.endswith(".json") for one in given), True)
