"""One job after the other, in the engine process: an order becomes calls of `jobs`, what comes of it reports.

The engine is kept between jobs, so that models stay loaded. Nothing heavy is imported before the first job.
"""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import CancelledError, DeviceMemoryError, SemanticMatteError, UsageError
from semantic_matte.worker.job_place import Pace, Step, shortened, steps_of
from semantic_matte.worker.job_progress import Cancels, JobProgress
from semantic_matte_client.protocol import MOST_FILES, MOST_INSTANCES

if TYPE_CHECKING:
    from semantic_matte.engine import Engine
    from semantic_matte.job_requests import MatteRequest
    from semantic_matte.ports import ProgressEvent
    from semantic_matte.result_files import FrameResult
    from semantic_matte.settings import Settings
    from semantic_matte.types import Instance

Tell = Callable[[Mapping[str, Any]], None]
Order = Mapping[str, Any]

BUG = "This is a bug, please report it: "


class Tasks:
    """Runs jobs. What a job does wrong is its own affair: the next one is served all the same."""

    def __init__(self, tell: Tell, cancels: Cancels) -> None:
        """tell: takes messages of `protocol.REPORTS`, from several threads."""
        self._tell, self._cancels = tell, cancels
        self._pace = Pace()
        self._engine: Engine | None = None

    def run(self, order: Order) -> None:
        """Run a job to its end, which is told: done, failed or cancelled. Raises nothing."""
        job = order["job"]
        began = time.monotonic()
        progress = JobProgress(
            job, _kind(order), _steps(order), self._tell, lambda: self._cancels.asked(job), self._pace
        )
        with progress:
            end = self._attempt(order, progress)
        self._cancels.forget(job)
        if end["type"] == "done":
            end["seconds"] = time.monotonic() - began
        self._tell({**end, "job": job})

    def warm(self) -> None:
        """Load what every job needs before there is one. What goes wrong is for the next job to tell."""
        with contextlib.suppress(ImportError, OSError):
            load(lambda: None)
            import torch  # noqa: F401

    def _attempt(self, order: Order, progress: JobProgress) -> dict[str, Any]:
        """Do the work; returns the report of its end but for the job."""
        try:
            progress.starting(len(order["plates"]))
            try:
                load(progress.check)
            except (ImportError, OSError) as error:
                traceback.print_exc()
                return _failed("start", f"The engine can't be loaded: {type(error).__name__}: {error}.")
            self._work(order, progress)
        except CancelledError:
            return {"type": "cancelled"}
        except UsageError as error:
            return _failed("usage", str(error), error.exit_code)
        except DeviceMemoryError as error:
            self._drop_models(error)
            return _failed("memory", str(error), error.exit_code)
        except SemanticMatteError as error:
            return _failed("work", str(error), error.exit_code)
        except Exception as error:
            return self._unexpected(error)
        return {"type": "done"}

    def _unexpected(self, error: Exception) -> dict[str, Any]:
        """The end of a job by an error that nobody meant. The models may be in any state: they are dropped."""
        from semantic_matte.device_memory import full_memory

        out_of_memory = bool(full_memory(error, "the device"))
        traceback.print_exc()
        self._drop_models(error)
        if out_of_memory:
            return _failed("memory", "Out of memory: try a smaller batch, fewer objects or a smaller plate.")
        if isinstance(error, ImportError):
            return _failed("start", f"A library of the engine can't be loaded: {error}.")
        return _failed("crash", f"{BUG}{type(error).__name__}: {error}")

    def _work(self, order: Order, progress: JobProgress) -> None:
        """Check what the job asks, and do it."""
        from semantic_matte.worker.job_checks import check_paths, plates_of, settings_of, use_configuration

        settings = settings_of(order["settings"])
        use_configuration(order["ocio"])
        plates = plates_of(order)
        check_paths(order, plates, settings)
        if order["task"] == "collect":
            self._collect(order, plates, settings, progress)
            return
        engine = self._engine_for(settings)
        watched = _Watched(progress, lambda: self._tell_device(engine))
        tasks = {
            "matte": self._matte,
            "segment": self._segment,
            "refine": self._refine,
            "track": self._track,
        }
        tasks[order["task"]](order, plates, engine, progress, watched)

    def _engine_for(self, settings: Settings) -> Engine:
        """The engine of the job before with these settings, its models loaded where they are the same."""
        from semantic_matte.engine import Engine

        previous = self._engine
        self._engine = Engine(settings) if previous is None else previous.with_settings(settings)
        return self._engine

    def _matte(
        self, order: Order, plates: tuple[Path, ...], engine: Engine, progress: JobProgress, watched: _Watched
    ) -> None:
        from semantic_matte.jobs import matte_files

        def finished(result: FrameResult) -> None:
            """Tell of a plate."""
            progress.frame_done(result.reused)
            self._tell(_frame(order, result.told()))

        _expect(order, plates, engine.settings, progress)
        matte_files(engine, _request(order, plates), watched, finished)

    def _track(
        self, order: Order, plates: tuple[Path, ...], engine: Engine, progress: JobProgress, watched: _Watched
    ) -> None:
        from semantic_matte.jobs import track_files

        _expect(order, plates, engine.settings, progress)
        for told in track_files(engine, _request(order, plates), watched):
            self._tell(_shot(order, told))

    def _collect(
        self, order: Order, plates: tuple[Path, ...], settings: Settings, progress: JobProgress
    ) -> None:
        """Without an engine: nothing is solved."""
        from semantic_matte.jobs import collect_files

        for told in collect_files(settings, _request(order, plates), progress):
            self._tell(_shot(order, told))

    def _segment(
        self, order: Order, plates: tuple[Path, ...], engine: Engine, progress: JobProgress, watched: _Watched
    ) -> None:
        from semantic_matte.jobs import object_row, segment_files

        def finished(plate: Path, instances: Sequence[Instance], files: Sequence[Path]) -> None:
            """Tell of a plate."""
            progress.frame_done(False)
            rows = list(map(object_row, instances))
            self._tell(_frame(order, {"plate": plate, "files": files, "instances": rows}))

        segment_files(
            engine,
            plates,
            watched,
            _path(order["hint"]),
            order["colour_space"],
            _path(order["out"]),
            finished,
        )

    def _refine(
        self, order: Order, plates: tuple[Path, ...], engine: Engine, progress: JobProgress, watched: _Watched
    ) -> None:
        from semantic_matte.jobs import refine_file

        result = Path(order["out"])
        refine_file(engine, plates[0], Path(order["trimap"]), result, watched, order["colour_space"])
        progress.frame_done(False)
        self._tell(_frame(order, {"plate": plates[0], "files": [result], "instances": []}))

    def _tell_device(self, engine: Engine) -> None:
        self._tell({"type": "device", "sentence": shortened(engine.device_notice)})

    def _drop_models(self, error: BaseException | None) -> None:
        """Give back the memory of all that is loaded, and of all that the frames of an error hold."""
        import gc

        self._engine = None
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if torch is not None and torch.backends.mps.is_available():
            torch.mps.empty_cache()


class _Watched:
    """Passes a job's progress on, and calls once when the device is surely chosen."""

    def __init__(self, progress: JobProgress, chosen: Callable[[], None]) -> None:
        self._progress = progress
        self._chosen: Callable[[], None] | None = chosen

    def advance(self, event: ProgressEvent) -> None:
        """Pass on. Raises CancelledError."""
        self._progress.advance(event)
        if self._chosen and event.stage in ("segmenting", "finding", "matting"):
            chosen, self._chosen = self._chosen, None
            chosen()

    def notice(self, message: str) -> None:
        """Pass on."""
        self._progress.notice(message)


def load(check: Callable[[], None]) -> None:
    """Import what every job needs. check: called in between, may raise."""
    import numpy  # noqa: F401

    check()
    import cv2  # noqa: F401

    check()
    import OpenImageIO  # noqa: F401

    check()
    import semantic_matte.jobs  # noqa: F401

    check()


def _kind(order: Order) -> str:
    """Jobs of one kind take their time for the same things."""
    asked = order["settings"]
    looks = [
        order["task"],
        bool(order["trimap"]),
        *(asked.get(name) for name in ("passes", "estimator", "segmenter")),
    ]
    return " ".join(map(str, looks))


def _steps(order: Order) -> tuple[Step, ...]:
    """The steps of each frame. Settings are not checked yet: odd ones give the steps of the default."""
    if order["task"] == "segment":
        return steps_of(("reading", "segmenting"), 0)
    if order["task"] == "track":
        return steps_of(("finding",), 0)
    if order["task"] == "collect":
        return steps_of(("collecting", "contact sheet"), 0)
    stages = ["reading", "segmenting", "matting", "writing"]
    if order["task"] == "refine" or order["trimap"]:
        stages.remove("segmenting")
    asked = order["settings"].get("passes", 4)
    passes = asked if isinstance(asked, int) and 1 <= asked <= 16 else 4
    return steps_of(stages, 1 if order["task"] == "refine" else passes)


def _frame(order: Order, told: Mapping[str, Any]) -> dict[str, Any]:
    """A report `frame`, of what is told of a plate (see `FrameResult.told`), cut to what a message takes."""
    return {
        "type": "frame",
        "job": order["job"],
        "plate": shortened(str(told["plate"])),
        "files": [shortened(str(path)) for path in told["files"][:MOST_FILES]],
        "reused": told.get("reused", False),
        "key": told.get("key"),
        "instances": [{**row, "label": shortened(row["label"])} for row in told["instances"][:MOST_INSTANCES]],
    }


def _shot(order: Order, told: Mapping[str, Any]) -> dict[str, Any]:
    """A report `shot`, of what is told of a shot by `jobs.track_files` and `jobs.collect_files`."""
    slots = list(told["slots"].items())[:MOST_INSTANCES]
    return {
        "type": "shot",
        "job": order["job"],
        "shot": shortened(told["shot"]),
        "frames": shortened(told["frames"]),
        "slots": [{"slot": slot, "frames": shortened(frames)} for slot, frames in slots],
        "files": [shortened(str(path)) for path in told["files"][:MOST_FILES]],
    }


def _request(order: Order, plates: tuple[Path, ...]) -> MatteRequest:
    """What an order asks of `jobs`."""
    from semantic_matte.job_requests import MatteRequest

    return MatteRequest(
        plates,
        Path(order["out"]),
        _path(order["hint"]),
        _path(order["trimap"]),
        order["colour_space"],
        order["frames"],
        order["chunk"],
    )


def _expect(order: Order, plates: tuple[Path, ...], settings: Settings, progress: JobProgress) -> None:
    """Tell the progress how many shots and stills there are; where frames are stills, their events tell."""
    from semantic_matte.shot_sources import count_plates

    if settings.track and not order["trimap"]:
        progress.expect(*count_plates(plates))


def _failed(kind: str, message: str, exit_code: int = 1) -> dict[str, Any]:
    """A report `failed` but for the job; its message is one line."""
    one_line = " ".join(message.split())
    return {"type": "failed", "kind": kind, "message": shortened(one_line), "exit_code": exit_code}


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
