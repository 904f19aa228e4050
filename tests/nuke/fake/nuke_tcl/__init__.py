"""Nuke's script files (.nk), read by a real Tcl and written again by Nuke's rules.

``load`` is the oracle of all that the plugin or the fake host writes: a .nk is a Tcl program, so Tcl
itself reads it. ``emit`` is a second way to write one, for comparison with the fake host's own.
"""

from __future__ import annotations

from .emission import emit, quoted
from .loading import load
from .script_parts import Entry, Script, ScriptNode, UserKnob

__all__ = ["Entry", "Script", "ScriptNode", "UserKnob", "emit", "load", "quoted"]
