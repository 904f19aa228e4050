"""Whole shots: frames a minute and how long the device waits, memory of short and long ones, chunks, kills.

    python tests/benchmarks/shots.py [throughput] [memory] [chunks] [kills] [--frames 100] [--device auto]

The shots are a photo that a window pans over, as numbered PNGs. throughput: an HD shot of --frames frames, one
object found by default, all files written; the device waits while the thread that solves has nothing read for
it or may not hand over what it solved. memory: the highest resident size of `semantic-matte matte` on 40 and on
400 small frames. chunks: the largest difference between alphas of a shot made whole and in chunks of 10, 7 and
1. kills: a shot of 40 frames, killed by SIGKILL at 20 random moments and run again, against one that was left
in peace: how many of the results are the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from report import add_json_option, print_table, write_json

from semantic_matte.engine import Engine
from semantic_matte.job_requests import MatteRequest, Sources
from semantic_matte.jobs import matte_files, track_files
from semantic_matte.layer_files import read_layers
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings
from semantic_matte.shot_jobs import matte_shot
from semantic_matte.shot_sources import sort_plates

CORE = Path(__file__).parent.parent.parent / "core"
PHOTOS = Path(__file__).parent.parent / "data" / "photos"
HD, SMALL = (1920, 1080), (256, 144)

# Bars of the project: share of the time, share of the memory, alpha.
LONGEST_WAIT, MOST_GROWTH, LARGEST_DIFFERENCE = 0.10, 0.05, 1 / 255
CHEAP = ["--passes", "2", "--no-cryptomatte"]


def panned(folder: Path, photo: Path, count: int, size: tuple[int, int], share: float = 0.7) -> Path:
    """A shot of `count` frames of (width, height), a window that swings over a share of a photo; returns its
    pattern."""
    picture = cv2.imread(str(photo))
    scale = 1.15 * max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    room = picture.shape[1] - size[0], picture.shape[0] - size[1]
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(count):
        swing = 2 * np.pi * place / 60
        x = room[0] / 2 * (1 + share * np.sin(swing))
        y = room[1] / 2 * (1 + share * np.sin(0.7 * swing))
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        frame = cv2.warpAffine(picture, shift, size, flags=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / f"pan.{1001 + place}.png"), frame)
    return folder / "pan.####.png"


def throughput(scratch: Path, frames: int, device: str) -> list[dict[str, Any]]:
    """An HD shot, in this process, so that who waits for whom can be told."""
    # The cup at the side: the other fills much of the frame and takes half a minute a frame on two cores.
    pattern = panned(scratch / "hd", PHOTOS / "coffee.png", frames, HD, 0.3)
    (shot,), _ = sort_plates([pattern])
    request = MatteRequest((pattern,), scratch / "hd_out")
    request.folder.mkdir()
    began = time.perf_counter()
    engine = Engine(Settings(find=("cup:smallest",), device=device))
    made = matte_shot(engine, shot, request, Sources(shot.files), SilentProgress(), lambda _: None)
    whole = time.perf_counter() - began
    return [
        {
            "frames": frames,
            "frames a minute": 60 * frames / whole,
            "matting alone": 60 * frames / made.total,
            "device waits": made.waiting,
            "for reading s": made.reading,
            "for writing s": made.writing,
        }
    ]


def command(pattern: Path, out: Path, *more: str) -> list[str]:
    """The shell's own command on a shot."""
    plain = [
        sys.executable,
        "-m",
        "semantic_matte",
        "matte",
        str(pattern),
        "-o",
        str(out),
        "--find",
        "cup:largest",
    ]
    return [*plain, *more]


def environment() -> dict[str, str]:
    """With this clone's engine."""
    return {**os.environ, "PYTHONPATH": str(CORE)}


def highest_megabytes(words: Sequence[str]) -> float:
    """What a command had resident at its highest."""
    process = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return used.ru_maxrss / 1024


def memory(scratch: Path, device: str) -> list[dict[str, Any]]:
    """Short and long shots of small frames."""
    rows = []
    for count in (40, 400):
        pattern = panned(scratch / f"small{count}", PHOTOS / "coffee.png", count, SMALL)
        words = command(pattern, scratch / f"small{count}_out", *CHEAP, "--device", device)
        rows.append({"frames": count, "highest MB": highest_megabytes(words)})
    for row in rows:
        row["/ 40 frames"] = row["highest MB"] / rows[0]["highest MB"]
    return rows


def chunks(scratch: Path, device: str) -> list[dict[str, Any]]:
    """One shot made whole and in chunks."""
    pattern = panned(scratch / "chunked", PHOTOS / "coffee.png", 21, SMALL)
    numbers = range(1001, 1022)
    settings = Settings(find=("cup:largest",), passes=2, device=device)
    engine = Engine(settings)
    matte_files(engine, MatteRequest((pattern,), scratch / "chunked_out"), SilentProgress())
    rows = []
    for size in (10, 7, 1):
        out = scratch / f"chunked_{size}"
        track_files(engine, MatteRequest((pattern,), out), SilentProgress())
        starts = list(range(1001, 1022, size))
        random.Random(size).shuffle(starts)
        for first in starts:
            chunk = f"{first}-{min(first + size - 1, 1021)}"
            matte_files(engine, MatteRequest((pattern,), out, chunk=chunk), SilentProgress())
        difference = max(largest_difference(scratch / "chunked_out", out, number) for number in numbers)
        rows.append({"chunks of": size, "largest difference": difference, "/ (1/255)": difference * 255})
    return rows


def largest_difference(first: Path, second: Path, number: int) -> float:
    """Between the alphas of a frame in two folders."""
    one, other = (read_layers(folder / f"pan.mattes.{number}.exr") for folder in (first, second))
    if one.slots != other.slots or one.data_window != other.data_window:
        return 1.0
    return max(float(np.abs(one.alpha(slot) - other.alpha(slot)).max()) for slot in one.slots)


def kills(scratch: Path, device: str, count: int = 20) -> list[dict[str, Any]]:
    """A shot that is killed again and again, each time in another folder, and then finished."""
    pattern = panned(scratch / "killed", PHOTOS / "coffee.png", 40, SMALL)
    peace = scratch / "peace"
    began = time.perf_counter()
    subprocess.run(
        command(pattern, peace, *CHEAP, "--device", device), env=environment(), check=True, stdout=-3
    )
    whole = time.perf_counter() - began
    draw = random.Random(0)
    same = 0
    left: list[int] = []
    for turn in range(count):
        out = scratch / f"killed_{turn}"
        words = command(pattern, out, *CHEAP, "--device", device, "--resume")
        process = subprocess.Popen(words, env=environment(), stdout=-3, stderr=-3)
        time.sleep(draw.uniform(0.05, 0.95) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left.append(len(list(out.glob("pan.matte.*.json"))))
        subprocess.run(words, env=environment(), check=True, stdout=-3, stderr=-3)
        same += digests(out) == digests(peace)
    return [
        {
            "kills": count,
            "same bytes": same,
            "frames done when killed": f"{min(left)} to {max(left)}",
            "share": same / count,
        }
    ]


def digests(folder: Path) -> dict[str, str]:
    """The checksum of each file of a folder, hidden ones too."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


def bar(what: str, value: float, limit: float) -> None:
    """Say whether a bar is kept."""
    print(f"Bar: {what} at most {limit:.4g}; {'kept' if value <= limit else 'MISSED'} with {value:.4g}.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["throughput", "memory", "chunks", "kills"])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--device", default="auto")
    add_json_option(parser)
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if "throughput" in asked.parts:
            figures["throughput"] = throughput(scratch, asked.frames, asked.device)
            print_table("An HD shot, coffee.png panned", figures["throughput"])
            bar(
                "share of the time that the device waits",
                figures["throughput"][0]["device waits"],
                LONGEST_WAIT,
            )
        if "memory" in asked.parts:
            figures["memory"] = memory(scratch, asked.device)
            print_table("Memory of the whole process", figures["memory"])
            bar("growth from 40 to 400 frames", figures["memory"][1]["/ 40 frames"] - 1, MOST_GROWTH)
        if "chunks" in asked.parts:
            figures["chunks"] = chunks(scratch, asked.device)
            print_table("Chunked against whole", figures["chunks"])
            worst = max(row["largest difference"] for row in figures["chunks"])
            bar("largest difference of alphas", worst, LARGEST_DIFFERENCE)
        if "kills" in asked.parts:
            figures["kills"] = kills(scratch, asked.device)
            print_table("Killed and resumed", figures["kills"])
            bar("share of other bytes", 1 - figures["kills"][0]["share"], 0)
    print(json.dumps(figures, default=str))
    write_json(asked.json, figures)


if __name__ == "__main__":
    main()
