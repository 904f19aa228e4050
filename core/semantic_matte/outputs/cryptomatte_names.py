"""Names, ids and header of a Cryptomatte, after Psyop's specification 1.2.

An object's id is the MurmurHash3 of its name, read as a 32-bit float; the manifest in the header says which
name has which id. https://github.com/Psyop/Cryptomatte/blob/master/specification/cryptomatte_specification.pdf
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import mmh3

from semantic_matte.errors import OutputError

# The name of the one Cryptomatte in a file; its layers are this and two digits.
CRYPTOMATTE = "SemanticMatte"

# Hosts split a list of names at commas, read `<...>` as an id and `*?[]` as wildcards, take a dot for the
# end of a layer's name, and some parse the manifest without escapes.
_UNSAFE = frozenset('.,"\\<>*?[]')

_EXPONENT_BITS = 23


def object_id(name: str) -> int:
    """The id of a name: 32 bits, unsigned, that read as float32 are a normal number, never 0, NaN or infinity.

    MurmurHash3_x86_32 of the name's UTF-8 with seed 0; where the exponent would be 0 or 255, its lowest bit
    is flipped.
    """
    number = mmh3.hash(name.encode("utf-8"), 0, signed=False)
    if number >> _EXPONENT_BITS & 0xFF in (0, 0xFF):
        number ^= 1 << _EXPONENT_BITS
    return number


def object_names(slots: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What each slot is called in the file, slots in the order of their names, and notices for the user.

    A slot keeps its name, unless another one has the same id, which would melt the two into one object: then
    the later of the two takes a number, as in sm_dog_02_2, and a notice says so.
    Raises OutputError for an empty name or one that hosts would take apart.
    """
    for slot in slots:
        if not slot or not slot.isprintable() or " " in slot or _UNSAFE & set(slot):
            raise OutputError(
                f"'{slot}' can't be the name of a Cryptomatte's object: expected letters, digits and "
                "underscores; give the matte one of slot_names()."
            )
    names: dict[str, str] = {}
    owners: dict[int, str] = {}
    notices = []
    for slot in sorted(slots):
        name, number = slot, 1
        while object_id(name) in owners or (name != slot and name in slots):
            number += 1
            name = f"{slot}_{number}"
        if name != slot:
            notices.append(
                f"The names '{owners[object_id(slot)]}' and '{slot}' have the same Cryptomatte id: in the "
                f"Cryptomatte, '{slot}' is called '{name}'."
            )
        owners[object_id(name)] = slot
        names[slot] = name
    return names, notices


def header(names: Sequence[str]) -> Mapping[str, str]:
    """Attributes of a file that holds objects of these names, absent ones too. No name has a dot or comma.

    The key's seven digits keep attributes at 30 characters, within the 31 that old OpenEXR readers take.
    """
    key = f"cryptomatte/{object_id(CRYPTOMATTE):08x}"[:-1]
    manifest = {name: f"{object_id(name):08x}" for name in sorted(names)}
    return {
        f"{key}/name": CRYPTOMATTE,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }
