"""kill -9 while results are written: every file under its final name is whole, the old one or the new one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import OpenEXR
import pytest
from PIL import Image

from semantic_matte.outputs import leftovers
from semantic_matte.outputs.atomic import ensure_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

MOMENTS = 50

# Writes two results of one name in turn, without end, in a process that is forked for every line read: so a
# killed process costs no imports. The line says which of the two comes first, and after how many seconds it is
# killed. At first it writes both once, to compare with, and tells how long that took.
WRITER = """
import os, signal, sys, time
import numpy as np
import OpenImageIO
from pathlib import Path
from PIL import Image
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.atomic import ensure_folder
from semantic_matte.outputs import contact_sheet
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.foregrounds import write_foregrounds
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import write_json
from semantic_matte.types import Box, Foreground, Instance, Matte, Plate

SIZE = (300, 400)
BOX = Box(0, 0, SIZE[1], SIZE[0])
# Noise, so that files are large and writing them takes a while.
NOISE = np.random.default_rng(0).random((2, *SIZE, 3), dtype=np.float32)
plates = [Plate(noise, name=str(number)) for number, noise in enumerate(NOISE)]
mattes = [
    [Matte(Instance(np.ones(SIZE, bool), BOX, SIZE, "a", 0.5, f"sm_a_{n + 1:02d}"), noise[..., n % 3], BOX)
     for n in range(6)]
    for noise in NOISE
]
# Drawn once and cut small: drawing takes much longer than writing, and kills are to come while something is
# written.
sheets = [
    contact_sheet.draw_contact_sheet(plates[number], mattes[number][:1]).crop((0, 0, 400, 300))
    for number in range(2)
]
contact_sheet.draw_contact_sheet = lambda plate, mattes, unmix=None: sheets[int(plate.name)]
records = [{"result": number, "numbers": [number] * 40000} for number in range(2)]

def write(folder, number):
    write_layers(folder / "a.mattes.exr", plates[number], mattes[number], {"semantic_matte/result": number})
    write_cryptomatte(folder / "a.cryptomatte.exr", plates[number], mattes[number][:2], {})
    own = [Foreground(mattes[number][0], plates[number].pixels, BOX, "acescg")]
    write_foregrounds(folder / "a.foreground.exr", plates[number], own, {})
    write_alpha(folder / "a.png", mattes[number][0].crop, plates[number])
    write_alpha(folder / "a.exr", mattes[number][0].crop, plates[number])
    contact_sheet.write_contact_sheet(folder / "a.contact.png", plates[number], [])
    write_json(folder / "a.matte.json", records[number])

def forked(work):
    process = os.fork()
    if process == 0:
        try:
            work()
        finally:
            os._exit(1)
    return process

def write_without_end():
    folder = ensure_folder(sys.argv[2])
    number = int(first)
    while True:
        write(folder, number)
        number = 1 - number

def write_both():
    for number in range(2):
        write(ensure_folder(Path(sys.argv[1]) / str(number)), number)
    os._exit(0)

start = time.perf_counter()
assert os.waitpid(forked(write_both), 0)[1] == 0
print(time.perf_counter() - start, flush=True)
for line in sys.stdin:
    first, seconds = line.split()
    process = forked(write_without_end)
    time.sleep(float(seconds))
    os.kill(process, signal.SIGKILL)
    print(os.WTERMSIG(os.waitpid(process, 0)[1]), flush=True)
"""

CHANNELS = {"a.mattes.exr": 6, "a.cryptomatte.exr": 4, "a.foreground.exr": 4, "a.exr": 1}
NAMES = {*CHANNELS, "a.png", "a.contact.png", "a.matte.json"}


@contextlib.contextmanager
def python(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python of its own with both ends of a pipe; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], line: str = "") -> str:
    assert process.stdin
    assert process.stdout
    if line:
        print(line, file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def read_whole(folder: Path, number: int) -> None:
    for name, channels in CHANNELS.items():
        with OpenEXR.File(str(folder / name), separate_channels=True) as file:
            assert len(file.channels()) == channels
    for name in ("a.png", "a.contact.png"):
        Image.open(folder / name).load()
    assert json.loads((folder / "a.matte.json").read_text())["result"] == number


def test_fifty_kills_leave_no_broken_file(tmp_path: Path) -> None:
    moments = random.Random(5)
    folder = tmp_path / "results"
    in_the_middle, seen = 0, {name: set() for name in NAMES}
    with python(WRITER, tmp_path, folder) as writer:
        both = float(ask(writer))
        wholes = []
        for number in range(2):
            read_whole(tmp_path / str(number), number)
            wholes.append({name: (tmp_path / str(number) / name).read_bytes() for name in NAMES})
        for moment in range(MOMENTS):
            line = f"{moment % 2} {moments.uniform(0, 1.2 * both):.4f}"
            assert ask(writer, line) == str(int(signal.SIGKILL))
            there = {path.name for path in folder.iterdir()} if folder.exists() else set()
            for name in there & NAMES:
                content = (folder / name).read_bytes()
                assert content in (wholes[0][name], wholes[1][name]), f"{name} is broken after {line}"
                seen[name].add(content == wholes[1][name])
            # Where one was killed before it had cleaned, what the last one left lies there too.
            assert all(leftovers._OURS.fullmatch(name) for name in there - NAMES)
            assert len(there - NAMES) <= 3
            in_the_middle += bool(there - NAMES)
    assert all(found == {True, False} for found in seen.values()), "old and new results were both met"
    assert in_the_middle >= MOMENTS // 5, "too few kills came while a file was written"
    ensure_folder(folder)
    assert {path.name for path in folder.iterdir()} == NAMES


HOLD = """
import sys, time
from semantic_matte.outputs.atomic import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    sys.stdin.readline()
    temporary.write_text("whole")
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a zombie is told from the living through /proc")
def test_the_work_of_a_living_process_is_left_alone_and_that_of_a_dead_one_is_not(tmp_path: Path) -> None:
    with python(HOLD, tmp_path / "lives.exr") as living, python(HOLD, tmp_path / "dies.exr") as dying:
        names = {ask(living), ask(dying)}
        ensure_folder(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == names
        os.kill(dying.pid, signal.SIGKILL)
        # Dead, but not waited for: a zombie still has its number.
        os.waitid(os.P_PID, dying.pid, os.WEXITED | os.WNOWAIT)
        ensure_folder(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        assert ask(living, "go on") == "done"
    assert (tmp_path / "lives.exr").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["lives.exr"]
