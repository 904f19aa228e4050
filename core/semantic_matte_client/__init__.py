"""What a host imports: Python's standard library only, Python 3.9 and later.

It holds the controls that hosts build their knobs from; the connection to the engine's worker comes with it.
"""

import json
from pathlib import Path
from typing import Any, Dict, List

__all__ = ["controls"]


def controls() -> List[Dict[str, Any]]:
    """Every artist control: name, label, group, kind, unit, default, minimum, maximum, choices, tooltip."""
    text = (Path(__file__).parent / "controls.json").read_text(encoding="utf-8")
    rows: List[Dict[str, Any]] = json.loads(text)["controls"]
    return rows
