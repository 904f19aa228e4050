"""The words of a Tcl list, each with the form that it was written in."""

from __future__ import annotations

import tkinter

_BLANK = " \t\r\n\f\v"
TCL = tkinter.Tcl()


class WordError(ValueError):
    """A text is no list of words; the sentence says where it stops being one."""


def words(text: str) -> list[tuple[str, str]]:
    """(word as Tcl unquotes it, form) of every word of a Tcl list; braces, quotes and backslashes are Tcl's."""
    try:
        values = [str(value) for value in TCL.splitlist(text)]
    except tkinter.TclError as error:
        raise WordError(f"{error}: {text[:80]!r}.") from error
    forms = _forms(text)
    if len(forms) != len(values):
        raise WordError(f"Tcl finds {len(values)} words where {len(forms)} begin: {text[:80]!r}.")
    return list(zip(values, forms))  # noqa: B905 - Python 3.9 has no strict.


def _forms(text: str) -> list[str]:
    """The form of each word, in order; the text is a list that Tcl has taken."""
    forms = []
    place = 0
    while place < len(text):
        if text[place] in _BLANK:
            place += 1
            continue
        if text[place] == "{":
            forms.append("braced")
            place = _end_of_braces(text, place)
        elif text[place] == '"':
            forms.append("quoted")
            place = _end_of_quotes(text, place)
        else:
            forms.append("bare")
            place = _end_of_bare(text, place)
    return forms


def _end_of_braces(text: str, place: int) -> int:
    """The place after the brace that closes the one at ``place``; a backslash hides the character after it."""
    depth = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place + 1
        place += 1
    return place


def _end_of_quotes(text: str, place: int) -> int:
    """The place after the quote that closes the one at ``place``."""
    place += 1
    while place < len(text) and text[place] != '"':
        place += 2 if text[place] == "\\" else 1
    return place + 1


def _end_of_bare(text: str, place: int) -> int:
    """The place after a word without quotes."""
    while place < len(text) and text[place] not in _BLANK:
        place += 2 if text[place] == "\\" else 1
    return place
