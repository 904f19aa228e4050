"""The list of instances on the node's last tab as plain values: a line of knobs each, and the pulldowns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from semantic_matte_client.nodes.instance_table import Row, TitleRule

from .knob_plan import NO_INSTANCE, KnobPlan

TITLES = TitleRule(size=63, reserved=(NO_INSTANCE,))
ROW_KNOB = re.compile(r"(on|solo|title|about)_(sm_[a-z0-9_]+|[a-z][a-z0-9_]*)")
_NOT_IN_MENUS = str.maketrans({"{": "(", "}": ")", "[": "(", "]": ")", '"': "'", "\\": "/", "$": "S", ";": ","})


def row_knobs(row: Row) -> tuple[KnobPlan, ...]:
    """The line of one instance on the last tab."""
    return (
        KnobPlan(
            f"on_{row.key}", "bool", "", "Whether it takes part in the output alpha and gives a layer.", True
        ),
        KnobPlan(
            f"solo_{row.key}",
            "bool",
            "solo",
            "Output alpha and overlay show soloed instances alone. Layers stay.",
            False,
            new_line=False,
        ),
        KnobPlan(
            f"title_{row.key}",
            "string",
            "",
            "Its name. The layer is renamed with it: 'Anna' is the layer sm_anna.",
            row.title,
            new_line=False,
        ),
        KnobPlan(f"about_{row.key}", "text", "", "", about(row), new_line=False),
    )


def about(row: Row) -> str:
    """What the list says of an instance: its layer, what it is, how sure that is, and when it is seen."""
    parts = [row.socket or row.slot, f"{row.label} {row.score:.2f}".strip()]
    parts.append(
        f"frames {row.frames}" if row.frames else "not in the newest result" if not row.present else ""
    )
    return ", ".join(part for part in parts if part)


def menu_items(titles: Sequence[str]) -> list[str]:
    """Titles as entries of a pulldown: all different, without signs that mean something in a script."""
    items: list[str] = []
    for title in titles:
        item = title.translate(_NOT_IN_MENUS)
        number = 1
        while item in items:
            number += 1
            item = f"{title.translate(_NOT_IN_MENUS)} ({number})"
        items.append(item)
    return items or [NO_INSTANCE]
