"""What choosing a file in a Read's panel does: the range comes out of its name."""

from __future__ import annotations

import re
from typing import Any


def from_user_text(knob: Any, text: str) -> None:
    """`plate.%04d.exr 1001-1050`: the file, and where a range follows, the Read's frames."""
    found = re.match(r"^(.*\S)\s+(-?\d+)-(-?\d+)$", text)
    knob.setValue(found[1] if found else text)
    core = knob._core
    if found and core is not None and core.class_name == "Read":
        for name, value in (
            ("first", found[2]),
            ("last", found[3]),
            ("origfirst", found[2]),
            ("origlast", found[3]),
        ):
            core.knobs[name].setValue(int(value))
    extension = knob.value().rpartition(".")[2].lower()
    if core is not None and "file_type" in core.knobs and extension in core.knobs["file_type"].values():
        core.knobs["file_type"].setValue(extension)
