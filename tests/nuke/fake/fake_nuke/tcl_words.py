"""A Tcl list split into its words, each with whether it stood in braces. Tcl itself unquotes them."""

from __future__ import annotations

import tkinter
from typing import Optional

_interpreter: Optional[tkinter.Tcl] = None


def tcl() -> tkinter.Tcl:
    """Python's own Tcl, made when it is first needed."""
    global _interpreter
    if _interpreter is None:
        _interpreter = tkinter.Tcl()
    return _interpreter


def split(text: str) -> list[tuple[str, bool]]:
    """(word, whether it is in braces); a text that is no list raises ValueError."""
    try:
        found = [str(one) for one in tcl().splitlist(text)]
    except tkinter.TclError as error:
        raise ValueError(f"no list of words: {text!r} ({error})") from error
    braced: list[bool] = []
    place = 0
    while place < len(text) and len(braced) < len(found):
        character = text[place]
        if character.isspace():
            place += 1
            continue
        braced.append(character == "{")
        place = _past_word(text, place)
    return list(zip(found, braced))  # noqa: B905 - Python 3.9 has no strict.


def _past_word(text: str, place: int) -> int:
    depth, in_quotes = 0, text[place] == '"'
    first = place
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 2
            continue
        if in_quotes and character == '"' and place > first:
            return place + 1
        if not in_quotes:
            depth += (character == "{") - (character == "}")
            if depth == 0 and character.isspace():
                return place
        place += 1
    return place


def unquoted(text: str) -> str:
    """The word inside braces, where it stands in quotes there; else the text as it is."""
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == '"' and stripped[-1] == '"':
        found = split(stripped)
        if len(found) == 1:
            return found[0][0]
    return text
