"""The one line that Nuke's init.py needs, put in and taken out again to the byte."""

from __future__ import annotations

import re

# In a file of ours, and at the end of one that somebody else wrote: what is taken out again hangs on it.
_CODE = 'import nuke; nuke.pluginAddPath("./semantic_matte")'
WRITTEN = f"{_CODE}  # written by semantic-matte install"
ADDED = f"{_CODE}  # added by semantic-matte install"

# A line that somebody wrote by hand to the same end.
_BY_HAND = re.compile(rb"^[^#\n]*pluginAddPath\([^#\n]*semantic_matte\b", re.MULTILINE)


def new_file() -> bytes:
    """The whole init.py where there was none."""
    return f"{WRITTEN}\n".encode()


def has_line(content: bytes) -> bool:
    """Whether this init.py adds the folder already, by our line or by hand."""
    return _BY_HAND.search(content) is not None


def with_line(content: bytes) -> bytes:
    """The file with our line at its end, in the manner of its other lines. `without_line` gives it back."""
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    line = ADDED.encode()
    if not content or content.endswith(b"\n"):
        return content + line + newline
    # As it had no newline at its end, it gets none: so it is known which was ours.
    if content.endswith(b"\r"):
        newline = b"\r\n"
    return content + newline + line


def without_line(content: bytes) -> bytes | None:
    """The file as it was before our line came; None where it was ours as a whole, so that it goes too."""
    if content == new_file():
        return None
    for text in (WRITTEN, ADDED):
        line = re.escape(text.encode())
        found = re.search(rb"(?<![^\n])" + line + rb"\r?\n|\r?\n" + line + rb"\Z|\A" + line + rb"\Z", content)
        if found:
            content = content[: found.start()] + content[found.end() :]
    return content
