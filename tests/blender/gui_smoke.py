"""The add-on in a Blender with a window: `blender --enable-event-simulate -P gui_smoke.py -- JOB.json`.

JOB.json: {"resources": folder for the add-on, "plate": picture, "blend": file to save, "answer": ANSWER.json}.
A node is computed by the modal operator, undone and redone; a second computation is cancelled by Esc, a third
by disabling the add-on. ANSWER.json tells what was seen meanwhile. Steps are taken by a timer, between which
Blender handles its events.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import addon_place
import bpy
import compat
import gui_older

# How often the timer looks, and how long it waits for anything to end.
TICK, PATIENCE = 0.02, 60.0
NODE = "Semantic Matte"

job = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
answer: dict[str, Any] = {"version": bpy.app.version_string, "background": bpy.app.background}
folder = addon_place.place_addon(Path(job["resources"]))


def part(name: str) -> Any:
    """A module of the add-on."""
    return sys.modules[f"{folder.name}.{name}"]


def node() -> Any:
    """The node; found anew each time, because undo makes all of the file anew."""
    return compat_tree().nodes[NODE]


def compat_tree() -> Any:
    """The scene's compositor."""
    scene = bpy.context.window_manager.windows[0].scene
    return scene.compositing_node_group if compat.HAS_COMPOSITING_GROUPS else scene.node_tree


def outputs() -> list[str]:
    """The names of the node's sockets."""
    return [socket.name for socket in node().outputs]


def editor() -> dict[str, Any]:
    """The compositor's window, area and region, as an operator's context."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    region = next(one for one in area.regions if one.type == "WINDOW")
    return {"window": window, "area": area, "region": region}


def prepare() -> None:
    """A saved file whose compositor shows the plate through a node of ours, in the largest area."""
    place = editor()
    scene = place["window"].scene
    image = bpy.data.images.load(job["plate"])
    compat.prepare_scene(scene, *image.size)
    tree, picture = compat.empty_compositor(scene)
    ours = part("node_groups").add_node(tree)
    ours.name = NODE
    tree.links.new(compat.image_node(tree, job["plate"]).outputs["Image"], ours.inputs["Image"])
    tree.links.new(ours.outputs["Image"], picture)
    tree.nodes.active = ours
    place["area"].type = "NODE_EDITOR"
    place["area"].ui_type = "CompositorNodeTree"
    place["area"].spaces.active.show_region_ui = True
    ours.node_tree.semantic_matte.device = "cpu"
    with bpy.context.temp_override(**editor()):
        bpy.ops.ed.undo_push(message="All that an artist did before")
    bpy.ops.wm.save_as_mainfile(filepath=job["blend"])


def begin(passes: int) -> tuple[Any, dict[str, Any]]:
    """Press Compute. Returns the computation and what there is to tell of it."""
    settings = node().node_tree.semantic_matte
    settings.find, settings.passes = "person", passes
    with bpy.context.temp_override(**editor()):
        told: dict[str, Any] = {"answer": sorted(bpy.ops.semantic_matte.compute("INVOKE_DEFAULT", node=NODE))}
    return part("running").current(settings.identity), told


def press_escape() -> None:
    """With the mouse over the compositor."""
    place = editor()
    region = place["region"]
    x, y = region.x + region.width // 2, region.y + region.height // 2
    place["window"].event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    place["window"].event_simulate(type="ESC", value="PRESS", x=x, y=y)


def until_ended(course: Any, told: dict[str, Any]) -> Iterator[float]:
    """Look on while a computation runs; notes its states, its fractions and the longest time without us."""
    told |= {"states": [], "fractions": [], "sentences": [], "ticks": 0, "longest": 0.0}
    start = last = time.monotonic()
    while part("running").current(course.identity) is course and time.monotonic() - start < PATIENCE:
        told["states"] += [course.state] * (course.state not in told["states"])
        told["sentences"] += [course.sentence] * (course.sentence not in told["sentences"])
        told["fractions"].append(course.fraction)
        told["ticks"] += 1
        yield TICK
        told["longest"] = max(told["longest"], time.monotonic() - last)
        last = time.monotonic()
    told |= {"state": course.state, "said": course.error or course.sentence, "seconds": last - start}


def until_computing(course: Any) -> Iterator[float]:
    """Wait until the worker has the job."""
    start = time.monotonic()
    while course.state == "capturing" and time.monotonic() - start < PATIENCE:
        yield TICK


def steps() -> Iterator[float]:
    """Everything, in order; each number is how long Blender is left alone."""
    prepare()
    yield 0.5
    course, told = begin(passes=1)
    answer["computed"] = told
    yield from until_ended(course, told)
    told["outputs"] = outputs()
    # Drawn with its result, by Blender itself.
    yield 0.5
    with bpy.context.temp_override(**editor()):
        bpy.ops.ed.undo()
    answer["undone"] = outputs()
    yield 0.2
    with bpy.context.temp_override(**editor()):
        bpy.ops.ed.redo()
    answer["redone"] = outputs()
    yield 0.2
    shown = node().node_tree.semantic_matte.results_folder
    course, told = begin(passes=4)
    answer["cancelled"] = told
    yield from until_computing(course)
    press_escape()
    yield from until_ended(course, told)
    told |= {"outputs": outputs(), "kept": node().node_tree.semantic_matte.results_folder == shown}
    course, told = begin(passes=3)
    answer["disabled"] = told
    yield from until_computing(course)
    sys.modules[folder.name].unregister()
    told |= {"state": course.state, "said": course.sentence}
    # The window's events go on without the operator.
    yield 0.5
    before = Path(job["blend"]).stat().st_mtime_ns
    bpy.ops.wm.save_mainfile()
    told["saved"] = Path(job["blend"]).stat().st_mtime_ns > before


def tick() -> float:
    """Called by Blender's timer: the next step, or the end of the process."""
    try:
        return next(course_of_events)
    except StopIteration:
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


bpy.context.preferences.view.show_splash = False
gui_older.lay_on()
gui_older.enable(folder)
course_of_events = steps()
bpy.app.timers.register(tick, first_interval=0.5)
