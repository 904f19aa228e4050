"""What ``addUserKnob`` says: {id name l label t tooltip T text M {items} R low high n nesting +FLAG}."""

from __future__ import annotations

from .script_parts import UserKnob
from .words import WordError, words

_SINGLE = ("l", "t", "T", "M", "n")


def read_user_knob(text: str) -> UserKnob:
    """The definition as plain values; WordError with a sentence where it is none."""
    found = [word for word, _ in words(text)]
    if len(found) < 2 or not found[0].isdigit():
        raise WordError(f"An added knob needs a number and a name: {text[:80]!r}.")
    single: dict[str, str] = {}
    flags: list[str] = []
    rest: list[str] = []
    low_high = None
    place = 2
    while place < len(found):
        word = found[place]
        values = found[place + 1 :]
        if word[:1] in "+-" and word[1:2].isalpha():
            flags.append(word)
            place += 1
        elif word == "R" and len(values) >= 2:
            low_high = (values[0], values[1])
            place += 3
        elif word in _SINGLE and values:
            single[word] = values[0]
            place += 2
        elif place == 2 and word not in _SINGLE:
            # Old gizmos give the label without its letter.
            single["l"] = word
            place += 1
        else:
            rest.append(word)
            place += 1
    return UserKnob(
        kind=int(found[0]),
        name=found[1],
        label=single.get("l"),
        tooltip=single.get("t", ""),
        text=single.get("T", ""),
        items=tuple(word for word, _ in words(single.get("M", ""))),
        range=low_high,
        nesting=int(single.get("n", "0")),
        flags=tuple(flags),
        rest=tuple(rest),
    )
