"""Constants of the nuke module."""

from __future__ import annotations

from typing import Any

FLAGS: dict[str, int] = {
    "DISABLED": 0x80,
    "NO_ANIMATION": 0x100,
    "DO_NOT_WRITE": 0x200,
    "INVISIBLE": 0x400,
    "STARTLINE": 0x1000,
    "ENDLINE": 0x2000,
    "ALWAYS_SAVE": 0x40000,
    "NO_UNDO": 0x80000,
    "NO_MULTIVIEW": 0x2000000,
    "KNOB_CHANGED_RECURSIVE": 0x8000000,
    "READ_ONLY": 0x10000000,
}
# Added knobs of these classes begin no line of their own unless told to.
NO_STARTLINE = {"Boolean_Knob", "PyScript_Knob", "Script_Knob"}
NUMBERS: dict[str, int] = {
    "EXPRESSIONS": 1,
    "INPUTS": 2,
    "HIDDEN_INPUTS": 4,
    "WRITE_ALL": 1,
    "WRITE_NON_DEFAULT_ONLY": 2,
    "WRITE_USER_KNOB_DEFS": 4,
    "TO_SCRIPT": 8,
    "TO_VALUE": 16,
    "TABKNOB": 0,
    "TABBEGINGROUP": 1,
    "TABBEGINCLOSEDGROUP": 2,
    "TABENDGROUP": -1,
    "ALL": 0,
    "VIEWER": 1,
    "NODIR": 2,
    "MONITOR": 0,
    "IMAGE": 1,
    "GEO": 16,
    "SCRIPT": 2,
    "REPLACE": 1,
    "PREPEND": 2,
    "SAVE_MENU": 8,
    "THREADS": 2,
    "NUM_CPUS": 2,
}
TEXTS: dict[str, Any] = {"untitled": "Untitled", "PLUGIN_EXT": "so", "EXE_PATH": "/usr/local/Nuke/Nuke"}
