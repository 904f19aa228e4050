"""Reading an artist's hint file: a picture is a mask, JSON or YAML holds boxes, points and mask files.

    instances:
      - {label: person, box: [120, 40, 380, 600]}
      - {label: dog, points: [[500, 420, 1], [610, 300, 0]]}
      - {label: car, mask: car_mask.png}

Boxes are x0, y0, x1, y1 in plate pixels, half-open; a point is x, y and 1 (on the object) or 0 (not).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semantic_matte.errors import HintError, PlateError, ValueShapeError
from semantic_matte.plates import read_mask
from semantic_matte.types import Box, Hint

LIST_SUFFIXES = {".json", ".yaml", ".yml"}


def read_hints(path: str | Path) -> list[Hint]:
    """The hints of a file. Raises HintError with one sentence for whatever is wrong with it."""
    path = Path(path)
    if path.suffix.lower() not in LIST_SUFFIXES:
        return [_from_picture(path, "object", str(path))]
    return [_from_row(row, number, path) for number, row in enumerate(_rows(path), start=1)]


def hint_files(path: str | Path) -> list[Path]:
    """Every file that a hint is made of: itself, and the masks that it names. Raises as `read_hints`."""
    path = Path(path)
    rows = _rows(path) if path.suffix.lower() in LIST_SUFFIXES else []
    return [path, *(_mask_path(path, row) for row in rows if isinstance(row, dict) and "mask" in row)]


def _rows(path: Path) -> list[Any]:
    """The objects of a JSON or YAML file, whatever they are."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HintError(f"The hint '{path}' can't be read: {error.strerror}.") from None
    # A ValueError: bytes that are not UTF-8, or what looks like a date and is none.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = str(error).splitlines()[0]
        raise HintError(f"The hint '{path}' is not valid JSON or YAML: {line}.") from None
    rows = content.get("instances") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise HintError(f"The hint '{path}' has no list 'instances' with at least one object.")
    return rows


def _mask_path(path: Path, row: dict[str, Any]) -> Path:
    """Masks are named as seen from the hint file's own folder."""
    return path.parent / str(row["mask"])


def _from_row(row: Any, number: int, path: Path) -> Hint:
    source = f"Hint '{path}', object {number}"
    if not isinstance(row, dict) or set(row) - {"label", "box", "points", "mask"}:
        raise HintError(f"{source}: expected label and one of box, points or mask, got {row!r}.")
    label = str(row.get("label", "object"))
    kinds = [kind for kind in ("box", "points", "mask") if kind in row]
    if len(kinds) != 1:
        raise HintError(f"{source}: expected one of box, points or mask, got {kinds or 'none'}.")
    if kinds == ["mask"]:
        return _from_picture(_mask_path(path, row), label, source)
    try:
        if kinds == ["box"]:
            x0, y0, x1, y1 = (round(float(value)) for value in row["box"])
            return Hint(box=Box(x0, y0, x1, y1), label=label, source=source)
        points = tuple((float(x), float(y), bool(int(inside))) for x, y, inside in row["points"])
    except (TypeError, ValueError, OverflowError):
        wanted = "four numbers x0, y0, x1, y1" if kinds == ["box"] else "rows of x, y and 1 or 0"
        raise HintError(f"{source}: expected {kinds[0]} as {wanted}, got {row[kinds[0]]!r}.") from None
    except ValueShapeError as error:
        raise HintError(f"{source}: {error}") from None
    return Hint(points=points, label=label, source=source)


def _from_picture(path: Path, label: str, source: str) -> Hint:
    try:
        mask = read_mask(path)
    except PlateError as error:
        raise HintError(str(error)) from None
    if not mask.any():
        raise HintError(f"The hint mask '{path}' is empty: paint the object brighter than half grey.")
    return Hint(mask=mask, label=label, source=source)
