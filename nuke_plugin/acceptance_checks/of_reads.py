"""Reads of the engine's files: layers, missing frames, views, numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from . import plain_exr
from .checking import DiffersError, check, near, raised, same
from .pixels import alpha_of, mattes, plate, read_node, rows_of, seen, values


@check("The file's channel sm_person_01.A is sm_person_01.alpha, .A or .a in Nuke.", facts=("exr_layer_names",))
def layers_have_their_names(folder: Path) -> object:
    """Which of the three it is, the plugin asks the Read."""
    read = read_node(mattes(folder))
    there = [name for name in read.channels() if name.startswith("sm_person_01.")]
    if there not in (["sm_person_01.alpha"], ["sm_person_01.A"], ["sm_person_01.a"]):
        raise DiffersError(str(there))
    return there


@check("A matte's values come out of a raw Read as they lie in the file.")
def mattes_are_read_as_they_are(folder: Path) -> object:
    """No curve, no clamp, no other order of rows."""
    picture = seen(read_node(mattes(folder)), folder)
    return near(alpha_of(picture, "sm_person_01"), [0.0, 0.25, 0.5, 0.75, 1.0, 0.0])


@check("A frame without a file is an error where on_error is 'error', between first and last too.")
def missing_frames_are_errors(folder: Path) -> object:
    """A farm fails instead of rendering a wrong frame."""
    for number in (1001, 1003):
        mattes(folder, f"plate.mattes.{number}.exr")
    read = read_node(folder / "plate.mattes.%04d.exr", 1001, 1003)
    read["on_error"].setValue("error")
    return raised(RuntimeError, lambda: seen(read, folder, 1002))


@check("A frame without a file is black where on_error is 'black'.", facts=("read_on_error_black",))
def missing_frames_can_be_black(folder: Path) -> object:
    """An artist may choose so."""
    mattes(folder, "plate.mattes.1001.exr")
    read = read_node(folder / "plate.mattes.%04d.exr", 1001, 1003)
    read["on_error"].setValue("black")
    picture = seen(read, folder, 1002)
    held = [value for rows in picture.channels.values() for row in rows for value in row]
    return same(any(held), False)


@check(
    "A frame without a file is the nearest one that has one where on_error is 'nearest frame'.",
    facts=("read_nearest_frame",),
)
def missing_frames_can_be_nearest(folder: Path) -> object:
    """An artist may choose so."""
    mattes(folder, "plate.mattes.1001.exr")
    read = read_node(folder / "plate.mattes.%04d.exr", 1001, 1003)
    read["on_error"].setValue("nearest frame")
    picture = seen(read, folder, 1002)
    return near(alpha_of(picture, "sm_person_01"), [0.0, 0.25, 0.5, 0.75, 1.0, 0.0])


@check("%V in a Read's file is the view's name.")
def views_are_in_paths(folder: Path) -> object:
    """Each view's files lie in a folder of its name."""
    nuke.addView("left")
    for view, value in (("left", 0.25), (nuke.views()[0], 1.0)):
        (folder / view).mkdir(exist_ok=True)
        plain_exr.write(folder / view / "a.exr", plain_exr.picture({"R": rows_of(*[value] * 6)}))
    picture = seen(read_node(folder / "%V" / "a.exr"), folder, views=["left"])
    return near(values(picture, "R"), [0.25] * 6)


@check(
    "With frame_mode 'expression' and frame 'frame+1000' the file of 1001 is shown at frame 1.",
    facts=("read_frame_expression_before_range",),
)
def frames_can_be_offset(folder: Path) -> object:
    """Negative frames have files with numbers from 0 on."""
    mattes(folder, "plate.mattes.1001.exr")
    read: Any = read_node(folder / "plate.mattes.%04d.exr")
    read["frame_mode"].setValue("expression")
    read["frame"].setValue("frame+1000")
    picture = seen(read, folder, 1)
    return near(alpha_of(picture, "sm_person_01"), [0.0, 0.25, 0.5, 0.75, 1.0, 0.0])


@check(
    "A data window larger than the display window is kept, and its pixels outside are there.",
    facts=("exr_windows",),
)
def overscan_is_kept(folder: Path) -> object:
    """The matte of an overscan plate is as large as the plate."""
    rows = [[float(8 * y + x) for x in range(5)] for y in range(4)]
    channels = {"R": rows, "G": rows, "B": rows}
    path = plate(folder, channels=channels, data_window=(-1, -1, 4, 3))
    picture = seen(read_node(path), folder)
    return same((picture.data_window, picture.channels["R"]), ((-1, -1, 4, 3), rows))


@check("The pixel aspect of a file is the Read's, and a Write gives it on.")
def anamorphic_is_kept(folder: Path) -> object:
    """Pixels are not resampled on the way."""
    read = read_node(plate(folder, pixel_aspect=2.0))
    return same((read.pixelAspect(), seen(read, folder).pixel_aspect), (2.0, 2.0))


@check("Text in a file's header is found in the Read's metadata under exr/.")
def headers_are_metadata(folder: Path) -> object:
    """A Cryptomatte node finds its manifest there."""
    path = plate(folder, attributes={"cryptomatte/1234567/name": "SemanticMatte"})
    found: dict[str, Any] = read_node(path).metadata()
    return same(found.get("exr/cryptomatte/1234567/name"), "SemanticMatte")


@check(
    "A file that does not exist makes the Read an error, and the render fails.",
    facts=("read_missing_sentence",),
)
def a_file_that_is_not_there_fails(folder: Path) -> object:
    """Nothing is rendered instead of it."""
    read = read_node(folder / "nothing.exr")
    return raised(RuntimeError, lambda: seen(read, folder))
