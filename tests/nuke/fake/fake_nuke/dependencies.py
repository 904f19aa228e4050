"""What a node hangs on: by its inputs, by hidden ones, and by what its expressions speak of."""

from __future__ import annotations

from .constants import NUMBERS
from .expressions import core_at, names_in
from .knob_base import Knob
from .knob_numbers import Numbers
from .node_cores import NodeCore


def depends_on(core: NodeCore, what: int) -> list[NodeCore]:
    """The nodes, each once."""
    found: list[NodeCore] = []
    if what & NUMBERS["INPUTS"] and not _hides_inputs(core):
        found += [one for one in core.inputs if one is not None]
    if what & NUMBERS["HIDDEN_INPUTS"] and _hides_inputs(core):
        found += [one for one in core.inputs if one is not None]
    if what & NUMBERS["EXPRESSIONS"]:
        for knob in core.knobs.values():
            found += [one for one in _spoken_of(knob) if one is not core]
    return list(dict.fromkeys(found))


def _hides_inputs(core: NodeCore) -> bool:
    return "hide_input" in core.knobs and bool(core.knobs["hide_input"].value())


def texts_of(knob: Knob) -> list[str]:
    """Every expression that a knob holds."""
    if isinstance(knob._state, Numbers):
        return [text for _, text in knob._state.expressions]
    if isinstance(knob._state, tuple) and knob._state[:1] == ("expression",):
        return [knob._state[1]]
    if knob.Class() == "Link_Knob":
        return [knob._state]
    if isinstance(knob._state, str) and "[" in knob._state and knob._name not in ("knobChanged", "onCreate"):
        return [knob._state] if hasattr(knob, "evaluate") else []
    return []


def _spoken_of(knob: Knob) -> list[NodeCore]:
    found = []
    for text in texts_of(knob):
        for name in names_in(text):
            path = name.rpartition(".")[0]
            core = core_at(path, knob) if path else None
            while core is None and "." in path:
                path = path.rpartition(".")[0]
                core = core_at(path, knob)
            if core is not None:
                found.append(core)
    return found
