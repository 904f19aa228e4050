"""Names of layers: `sm_<label>_<NN>`, safe in Nuke, Blender and Cryptomatte alike.

One name serves as EXR layer, Nuke layer, Blender socket and Cryptomatte object, so it keeps to what
all four leave as it is: ASCII [a-z0-9_], a letter first, at most 40 characters. The prefix keeps it
away from names that hosts reserve (rgba, depth, forward, mask, ...).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

PREFIX = "sm"
LONGEST_NAME = 40

# What a layer of doubtful edges adds to its matte's name (see `layers.py`); room is kept for it.
SPREAD_SUFFIX = "_spread"

# The layer of a file in which nothing was found.
EMPTY_SLOT = f"{PREFIX}_none_00"

# Letters that Unicode does not decompose into an ASCII letter and an accent.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l",
        "ħ": "h", "ı": "i", "ŋ": "n", "ſ": "s",
    }
)  # fmt: skip

_LONGEST_LABEL = LONGEST_NAME - len(f"{PREFIX}__0000{SPREAD_SUFFIX}")


def slot_names(labels: Sequence[str], reserved: Collection[str] = ()) -> list[str]:
    """Names for objects with these labels, in their order: unique, and the same for the same labels.

    Numbers count per label from 01 and take a third digit from 100 on, so that one more object at the end
    renames none before it: links in a comp hold on to names. Labels that become the same word count together.
    "Café au lait" -> sm_cafe_au_lait_01; a label with nothing that can be written in ASCII -> sm_object_01.
    reserved: the names of the views of plate and script, in any case. Hosts would take a layer of that name
    for a view (OpenEXR's ImfMultiView: the last part of the name but one); its number is passed over.
    """
    views = {name.casefold() for name in reserved}
    last: Counter[str] = Counter()
    names = []
    for label in labels:
        word = label_word(label)
        name = ""
        while not name or {name, name + SPREAD_SUFFIX} & views:
            last[word] += 1
            name = f"{PREFIX}_{word}_{last[word]:02d}"
        names.append(name)
    return names


def label_word(label: str) -> str:
    """A label as it stands in a name: [a-z0-9_], no underscore first, last or doubled.

    Accents go, whatever else stands between letters becomes one underscore. `_mask` never comes
    about, because Nuke keeps such layers for itself: "face mask" -> facemask.
    """
    folded = unicodedata.normalize("NFKD", label.casefold().translate(_LETTERS))
    letters = "".join(mark for mark in folded if not unicodedata.combining(mark)).lower()
    word = re.sub(r"[^a-z0-9]+", "_", letters).strip("_").replace("_mask", "mask")
    if word.startswith("mask"):
        word = f"object{word}"
    word = word[:_LONGEST_LABEL].rstrip("_")
    return word if word not in ("", "none") else "object"
