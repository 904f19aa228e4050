"""The report's section of one picture that was matted alone."""

from __future__ import annotations

from semantic_matte.outputs.sidecar_model import SidecarRecord
from semantic_matte.reports.contents import ReportedStill
from semantic_matte.reports.embedded_pictures import PictureBudget
from semantic_matte.reports.markup import Content, Markup, element
from semantic_matte.reports.shot_section import contact_sheet
from semantic_matte.reports.tables import controls_tables, dot, facts_table, models_table, table


def still_section(still: ReportedStill, anchor: str, budget: PictureBudget) -> Markup:
    """Everything about one picture, what is wrong first."""
    parts: list[Markup] = [element("h2", still.name)]
    if still.problem:
        parts.append(element("p", still.problem, class_="warning"))
    record = still.record
    if record is not None:
        count, (width, height) = len(record.slots), record.plate.size
        said = f"{count} object{'s' * (count != 1)}, {width} x {height} pixels."
        parts.append(element("p", said, class_="summary"))
        parts += contact_sheet(still.contact, still.name, budget)
        parts += _means(record)
    return element("section", parts, id=anchor, class_="still")


def _means(record: SidecarRecord) -> list[Markup]:
    """The objects, and how they were made."""
    parts = []
    if record.slots:
        rows = [
            (
                element("span", [dot(index), slot.slot], class_="slot"),
                slot.label,
                element("span", f"{slot.score:.2f}", class_="number"),
                element("span", f"{slot.alpha_area:,.0f}", class_="number"),
                element(
                    "span", "–" if slot.spread_mean is None else f"{slot.spread_mean:.4f}", class_="number"
                ),
                element("span", str(slot.passes), class_="number"),
            )
            for index, slot in enumerate(record.slots)
        ]
        heads = ("Object", "Label", "Score", "Area, pixels", "Spread", "Passes")
        parts.append(table("Objects", heads, rows))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))
    facts: list[tuple[str, Content]] = [
        *((f"File of kind {one.kind}", one.name) for one in record.files),
        ("Seed", str(record.seed)),
        ("Found on", record.device),
        ("Solved on", record.estimator_device),
        ("Versions", versions),
        *(("Notice", text) for text in record.notices),
    ]
    return [
        *parts,
        element("h3", "How it was made"),
        *controls_tables(record.settings),
        models_table(record.models) if record.models else element("p", "No models were used."),
        facts_table("Files, devices and versions", facts),
    ]
