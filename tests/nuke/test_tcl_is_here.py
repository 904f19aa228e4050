"""Without Python's own Tcl no test of the Nuke node can run: `conftest.py` leaves them out, and this tells."""

from __future__ import annotations

import pytest


def test_a_real_tcl_reads_scripts() -> None:
    tkinter = pytest.importorskip(
        "tkinter",
        reason="tkinter is missing (Debian: python3-tk), so no test of the Nuke node is run",
        exc_type=ImportError,
    )
    assert tkinter.Tcl().eval("llength {a {b c}}") == "2"
