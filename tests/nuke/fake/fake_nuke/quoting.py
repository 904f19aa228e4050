"""How a script file quotes: bare where that is safe, else in quotes with a backslash before \\ " [ { } $."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSAFE = re.compile(r'[ \t\n\r\f\v"\[\]{}$\\;]')
_ESCAPED = re.compile(r'([\\"\[{}$])')


def quoted(text: str) -> str:
    """A string as one word of a script file."""
    if text and not _UNSAFE.search(text):
        return text
    escaped = _ESCAPED.sub(r"\\\1", text)
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


word = quoted


def words(texts: Iterable[str]) -> str:
    """A list of words, as it stands between braces."""
    return " ".join(quoted(text) for text in texts)
