"""What a host's console types: one function for each thing that can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

if TYPE_CHECKING:
    from semantic_matte_client.job import Job, OnEvent
    from semantic_matte_client.request_checks import AnyPath, Frames, Plates
    from semantic_matte_client.results import DoctorReport, MatteResult, RefineResult, SegmentResult

# Names in a list, or in one text with commas.
Names = Union[str, Sequence[str]]
# For `ocio`, whose value is read when a call is made.
HOSTS_OCIO = "$OCIO"


def matte(
    plates: Plates,
    out: AnyPath,
    *,
    find: Names = (),
    hint: Optional[AnyPath] = None,
    trimap: Optional[AnyPath] = None,
    colour_space: Optional[str] = None,
    frames: Optional[Frames] = None,
    chunk: Optional[Frames] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    on_event: Optional[OnEvent] = None,
    **settings: Any,
) -> MatteResult:
    """Find the objects of a plate or of a shot, give each a soft alpha with a name, and write them as files.

        shot = matte("plate.####.exr", "mattes/", find=["person"])
        shot.names, shot.files

    It waits until all is done, and shows how far it is where it runs in a terminal. `start` does not wait.
    Frames that were done before, by the same means, are kept and cost nothing.

    plates         a path, a frame pattern (plate.####.exr, plate.%04d.exr), a film (.mov), or a list of them
    out            the folder to write into; made if it isn't there
    find           names (person, dog), groups (animal, vehicle), each with selectors: ["person:largest"];
                   nothing finds everything that is known
    hint           a mask picture, or a JSON or YAML file with boxes, points or masks, in place of finding
    trimap         a trimap picture, in place of finding: only its unknown part is solved
    colour_space   of the plates, where their files do not say it or say it wrongly
    frames         of a shot, which ones it has: "1001-1050x2,1060"; by default all that are there
    chunk          of these, which ones to do now: "1001-1010"; the shot's objects were tied before, by `track`
    ocio           the colour configuration: a path; by default what $OCIO says; None for none
    device         auto, cuda, mps or cpu
    roots          folders: nothing outside them is read or written; by default those of the files named here
    on_disconnect  if this host ends meanwhile: cancel, or finish
    python         the engine's Python; by default it is found (see `doctor`)
    on_event       called with each message of the worker, a dict with 'type'; if it raises, the job is ended
    settings       any control by its name, as in passes=2, png=True; `controls()` lists them

    Returns a MatteResult: .frames (each with .plate, .files, .instances), .files, .names, .slots.

    Raises RequestError for a wrong argument, JobFailedError if the work failed, JobCancelledError,
    EngineNotFoundError or WorkerStartError if there is no engine to do it, WorkerLostError if it ended: all of
    them are ClientErrors, whose text says what to do. Ctrl-C cancels the job.
    """
    job = start(
        "matte",
        plates,
        out,
        hint=hint,
        trimap=trimap,
        colour_space=colour_space,
        frames=frames,
        chunk=chunk,
        ocio=ocio,
        device=device,
        roots=roots,
        on_disconnect=on_disconnect,
        python=python,
        find=find,
        **settings,
    )
    result: MatteResult = waited(job, on_event)
    return result


def segment(
    plates: Plates,
    out: Optional[AnyPath] = None,
    *,
    find: Names = (),
    hint: Optional[AnyPath] = None,
    colour_space: Optional[str] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    on_event: Optional[OnEvent] = None,
    **settings: Any,
) -> SegmentResult:
    """Find the objects of a plate or of a shot, without solving mattes.

        found = segment("plate.exr")
        [(one.label, one.score, one.box) for one in found[0].instances]

    out            a file of COCO results (.json) to write; None for none
    and the rest   as for `matte`

    Returns a SegmentResult: .frames (each with .plate and .instances: slot, label, score, box), .names, .slots.
    Raises as `matte`.
    """
    job = start(
        "segment",
        plates,
        out,
        hint=hint,
        colour_space=colour_space,
        ocio=ocio,
        device=device,
        roots=roots,
        on_disconnect=on_disconnect,
        python=python,
        find=find,
        **settings,
    )
    result: SegmentResult = waited(job, on_event)
    return result


def refine(
    plate: AnyPath,
    trimap: AnyPath,
    out: AnyPath,
    *,
    colour_space: Optional[str] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    on_event: Optional[OnEvent] = None,
    **settings: Any,
) -> RefineResult:
    """Solve the alpha of one plate from a trimap that you made.

        refine("plate.exr", "trimap.png", "alpha.exr").file

    plate          a path
    trimap         a picture: black is background, white is foreground, all between is to be solved
    out            the alpha's file: .exr, .png or .tif
    and the rest   as for `matte`

    Returns a RefineResult: .plate, .file. Raises as `matte`.
    """
    job = start(
        "refine",
        plate,
        out,
        trimap=trimap,
        colour_space=colour_space,
        ocio=ocio,
        device=device,
        roots=roots,
        on_disconnect=on_disconnect,
        python=python,
        **settings,
    )
    result: RefineResult = waited(job, on_event)
    return result


def start(
    task: str,
    plates: Plates,
    out: Optional[AnyPath] = None,
    *,
    hint: Optional[AnyPath] = None,
    trimap: Optional[AnyPath] = None,
    colour_space: Optional[str] = None,
    frames: Optional[Frames] = None,
    chunk: Optional[Frames] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    **settings: Any,
) -> Job:
    """Begin a job and return at once: for a host that has to stay alive meanwhile. No thread is made.

        job = start("matte", "plate.####.exr", "mattes/", find="person")
        while not job.poll():            # from a timer; never waits
            print(job.progress.sentence())
        print(job.result)

    task           matte, segment or refine, track or collect; the other arguments are theirs

    Returns a Job: poll(), wait(), cancel(), .state, .progress, .events, .frames, .notices, .result. Keep it: a
    job that nobody holds is cancelled, or finished if on_disconnect says so. Raises RequestError for a wrong
    argument; all else is raised by .result.
    """
    from semantic_matte_client.client import Client

    client = Client(python=python, device=device)
    job = client.submit(
        task,
        plates,
        out=out,
        hint=hint,
        trimap=trimap,
        colour_space=colour_space,
        frames=frames,
        chunk=chunk,
        ocio=ocio,
        settings=settings,
        roots=roots,
        on_disconnect=on_disconnect,
    )
    client.close_when_done()
    return job


def status(device: str = "auto") -> Optional[Dict[str, Any]]:
    """The worker's own account of itself: version, device, its jobs and clients, its log; None if none runs.

        status()["jobs"]

    device         whose worker: the one for the GPU (auto, cuda, mps), or for the cpu

    Returns a dict. Never starts a worker. Raises WorkerLostError if it does not answer.
    """
    from semantic_matte_client.client import Client

    with Client(device=device) as client:
        return client.status()


def stop(when: str = "now", device: str = "auto") -> bool:
    """End the worker, for every host that uses it. The next job starts a new one.

        stop("idle")

    when           now: running jobs are cancelled; idle: jobs that run or wait are finished first
    device         whose worker, as for `status`

    Returns False if none ran. Raises WorkerLostError if it can't be ended.
    """
    from semantic_matte_client.client import Client

    with Client(device=device) as client:
        return client.stop(when)


def doctor(python: Optional[AnyPath] = None, seconds: float = 180.0) -> DoctorReport:
    """Check this host, the engine and the machine; it takes some seconds and loads the engine for a trial.

        doctor()

    python         the engine's Python; by default it is found
    seconds        the longest that the engine may take to examine itself

    Returns a DoctorReport that prints line by line: ok, warning or error, what it is, what was found or what to
    do. .ok says whether nothing is an error. Never raises for what it finds.
    """
    from semantic_matte_client.checkup import examine

    return examine(python, seconds)


def controls() -> List[Dict[str, Any]]:
    """Every artist control, for `settings` of the other calls and for a host's knobs.

        [row["name"] for row in controls()]

    Returns a list of dicts: name, label, group, kind, unit, default, minimum, maximum, choices, tooltip.
    """
    from semantic_matte_client.control_values import read_controls

    return read_controls()


def waited(job: Job, on_event: Optional[Callable[[Dict[str, Any]], object]]) -> Any:
    """The job's result; its progress is shown where nobody else takes the events and a terminal listens."""
    if on_event is not None:
        return job.wait(on_event=on_event)
    from semantic_matte_client.progress_line import ProgressLine

    line = ProgressLine.of_terminal()
    if line is None:
        return job.wait()
    with line:
        return job.wait(on_event=lambda event: line.show(event, job.progress))
