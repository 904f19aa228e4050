"""A trial of the worker, for the doctor: one of its own is started, mattes a tiny plate, and is ended again."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import SemanticMatteError
from semantic_matte_client.client import Client
from semantic_matte_client.errors import ClientError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Loading torch from a cold disk takes its time.
JOB_SECONDS = 150.0
STATUS_SECONDS = 3.0

# A bright disc before a dark ground: side, radius, width of its soft edge, half the unknown band, in pixels.
SIDE, RADIUS, EDGE, BAND = 96, 28.0, 4.0, 8.0
BRIGHT, DARK = 220, 30
# How far the alpha may be from the truth: known pixels, and the mean over the band.
KNOWN_ERROR, BAND_ERROR = 0.02, 0.06

# What comes before the work itself: with a trimap nothing is searched.
_LOADING = ("connecting", "queued", "starting", "reading", "loading")


@dataclass(frozen=True)
class Part:
    """A part of the trial: start, handshake, load or matte. found: a sentence; what to do if it isn't good."""

    name: str
    good: bool
    seconds: float
    found: str


def worker_status() -> dict[str, Any] | None:
    """What the user's own worker says of itself; None where none runs. Never starts one. Raises ClientError."""
    with Client(name="doctor", device="auto", start=False) as client:
        return client.status(STATUS_SECONDS)


def try_worker() -> Iterator[Part]:
    """The parts of the trial as they are done; it ends with the first that is not good.

    Neither the user's own worker nor its folders are touched, and nothing is left behind.
    """
    # A short name: paths of sockets are limited.
    with tempfile.TemporaryDirectory(prefix="sm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with contextlib.ExitStack() as stack:
            try:
                client = Client(name="doctor", python=sys.executable, device="auto", runtime=folder / "run")
                stack.callback(_stop, client)
                yield from _start(client)
                yield from _matte(client, folder)
            except (ClientError, SemanticMatteError) as error:
                yield Part("trial", False, 0.0, f"{error}{_log_end(folder / 'run')}")


def _start(client: Client) -> Iterator[Part]:
    """Start it, and then meet it once more: that takes what every host's first call takes."""
    begun = time.monotonic()
    status = client.start()
    yield Part("start", True, time.monotonic() - begun, f"version {status['version']} got ready")
    begun = time.monotonic()
    client.status()
    yield Part("handshake", True, time.monotonic() - begun, "it was met with its key and answered")


def _matte(client: Client, folder: Path) -> Iterator[Part]:
    """Have the tiny plate matted and look at the alpha. Raises ClientError, SemanticMatteError."""
    truth = _write_task(folder)
    begun = time.monotonic()
    loaded: list[float] = []

    def listen(event: Mapping[str, Any]) -> None:
        """Note when the engine has been loaded."""
        if event["type"] == "progress" and event["stage"] not in _LOADING and not loaded:
            loaded.append(time.monotonic())

    job = client.submit(
        "matte",
        folder / "plate.png",
        trimap=folder / "trimap.png",
        out=folder / "mattes",
        ocio=None,
        settings={"passes": 1, "samples": 1, "contact_sheet": False},
    )
    result = job.wait(JOB_SECONDS, listen)
    ended = time.monotonic()
    if result is None:
        job.cancel()
        yield Part("matte", False, 0.0, f"it was not done within {JOB_SECONDS:g} s: {job.progress.sentence()}")
        return
    ready = loaded[0] if loaded else ended
    yield Part("load", True, ready - begun, "the engine was loaded")
    problem, found = _check_alpha(folder / "mattes" / "plate.mattes.exr", truth)
    yield Part("matte", not problem, ended - ready, problem or found)


def _write_task(folder: Path) -> npt.NDArray[np.float32]:
    """Write plate.png and trimap.png. Returns the true alpha, (SIDE, SIDE) float32 in [0, 1]."""
    import numpy as np
    from PIL import Image

    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    inwards = RADIUS - np.hypot(rows, columns)
    alpha = np.clip(inwards / EDGE + 0.5, 0, 1)
    # Mixed as sRGB values, not as light: networks see the display's values, and are right on these.
    grey = np.rint(alpha * BRIGHT + (1 - alpha) * DARK).astype(np.uint8)
    trimap = np.where(inwards > BAND, 255, np.where(inwards < -BAND, 0, 128)).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(folder / "plate.png")
    Image.fromarray(trimap).save(folder / "trimap.png")
    return np.asarray(alpha, dtype=np.float32)


def _check_alpha(path: Path, truth: npt.NDArray[np.float32]) -> tuple[str, str]:
    """(what is wrong with the alpha that was written, how good it is); one of them is empty.

    Raises PlateError where it can't be read.
    """
    import numpy as np

    from semantic_matte.layer_files import read_layers
    from semantic_matte.types import Box

    layers = read_layers(path)
    if len(layers.slots) != 1:
        return f"expected one matte, got {len(layers.slots)}: please report it", ""
    with layers.reading([(layers.slots[0], "A")]) as read:
        alpha = read(Box(0, 0, SIDE, SIDE))[..., 0]
    if not np.isfinite(alpha).all() or alpha.min() < 0 or alpha.max() > 1:
        return "the alpha has values that are none (not finite, or outside 0 to 1): please report it", ""
    error = np.abs(alpha - truth)
    known = float(error[(truth == 0) | (truth == 1)].mean())
    band = float(error[(truth > 0) & (truth < 1)].mean())
    if known > KNOWN_ERROR or band > BAND_ERROR:
        advice = "try --device cpu, and please report it"
        return (
            f"the alpha is wrong by {known:.3f} where it is known and by {band:.3f} at the edge: {advice}",
            "",
        )
    return "", f"a plate of {SIDE} pixels, alpha right to {band:.3f} at the edge"


def _stop(client: Client) -> None:
    """End the worker, whatever state it is in."""
    with contextlib.suppress(ClientError):
        client.stop("now")
    client.close()


def _log_end(runtime: Path, lines: int = 3) -> str:
    """The last lines of the logs of a worker that failed, for its row; empty where there are none."""
    said: list[str] = []
    for log in sorted(runtime.glob("logs/*.log")):
        with contextlib.suppress(OSError):
            said += log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return f" Its log ends: {' | '.join(said)}" if said else ""
