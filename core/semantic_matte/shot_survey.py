"""What lies in a folder of a shot's frames: which are whole, what each tells of its objects, what is wrong.

Sidecars are read one after the other, and of each only some numbers are kept. Nothing in them is believed: a
frame is whole if the files that it names lie beside it, under the very names that this tool gives them, with
the size and the checksum that were recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from semantic_matte.earlier_results import file_state, read_sidecar
from semantic_matte.errors import OutputError
from semantic_matte.outputs.shot_record_model import ProblemState
from semantic_matte.outputs.sidecar_model import Control, ModelRecord, SidecarRecord, SlotRecord
from semantic_matte.result_files import ResultFiles
from semantic_matte.settings import Settings

# A name of every kind that there is; which ones are meant, each sidecar says.
_EVERYTHING = Settings(png=True, contact_sheet=True, cryptomatte=True, foreground=True)


@dataclass(frozen=True, slots=True)
class SlotSample:
    """An object in one frame. spread, flicker: in [0, 1], None where they are not told; area: the alpha's
    sum."""

    source: Literal["found", "carried", "absent"]
    score: float
    area: float
    spread: float | None
    flicker: float | None


@dataclass(frozen=True)
class SlotCourse:
    """An object over the whole frames of a shot. samples: by frame number, in order."""

    slot: str
    label: str
    samples: Mapping[int, SlotSample]

    def frames(self, source: str) -> list[int]:
        """The frames in which it is found, carried or absent."""
        return [number for number, sample in self.samples.items() if sample.source == source]

    @property
    def shown(self) -> list[SlotSample]:
        """Its samples but where it is absent."""
        return [sample for sample in self.samples.values() if sample.source != "absent"]

    def measured(self, what: Literal["spread", "flicker"]) -> dict[int, float]:
        """Frame number -> spread or flicker, where it is told."""
        told = {number: getattr(sample, what) for number, sample in self.samples.items()}
        return {number: value for number, value in told.items() if value is not None}


@dataclass(frozen=True)
class Problem:
    """A frame without a result that can be used, and why, in a sentence."""

    frame: int
    state: ProblemState
    reason: str


@dataclass(frozen=True)
class RunFacts:
    """What the whole frames of a shot have in common. size: width and height. files: (kind, slot or None,
    pattern) in the order of their writing, the sidecar last."""

    settings_hash: str
    settings: Mapping[str, Control]
    seed: int
    size: tuple[int, int]
    pixel_aspect: float
    cryptomatte: str | None
    files: tuple[tuple[str, str | None, str], ...]


@dataclass(frozen=True)
class ShotSurvey:
    """What lies in the folder of a shot.

    frames: those asked for, in order. run: None where no frame is whole. models: of any frame, each once.
    versions, devices, notices: each that there is, with the frames that tell it.
    """

    shot: str
    frames: tuple[int, ...]
    whole: tuple[int, ...]
    problems: tuple[Problem, ...]
    slots: tuple[SlotCourse, ...]
    sidecars: Mapping[int, Path]
    run: RunFacts | None = None
    models: tuple[ModelRecord, ...] = ()
    versions: tuple[tuple[Mapping[str, str], tuple[int, ...]], ...] = ()
    devices: tuple[tuple[tuple[str, str], tuple[int, ...]], ...] = ()
    notices: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def failures(self) -> tuple[Problem, ...]:
        """The problems that are none of the user's own choice."""
        return tuple(problem for problem in self.problems if problem.state != "skipped")


_Told = TypeVar("_Told", bound=Hashable)
_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class _Gathered:
    """What is kept of the frames read so far. groups: frames by what makes them belong together."""

    groups: dict[_Key, list[int]] = field(default_factory=dict)
    first: dict[_Key, tuple[SidecarRecord, Path]] = field(default_factory=dict)
    samples: dict[int, tuple[SlotSample, ...]] = field(default_factory=dict)
    models: dict[ModelRecord, list[int]] = field(default_factory=dict)
    versions: dict[tuple[tuple[str, str], ...], list[int]] = field(default_factory=dict)
    devices: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    notices: dict[str, list[int]] = field(default_factory=dict)

    def add(self, number: int, record: SidecarRecord, sidecar: Path) -> None:
        """Keep a whole frame's numbers."""
        key = record.settings_hash, tuple((slot.slot, slot.label) for slot in record.slots)
        self.groups.setdefault(key, []).append(number)
        self.first.setdefault(key, (record, sidecar))
        self.samples[number] = tuple(map(_sample, record.slots))
        for model in record.models:
            self.models.setdefault(model, []).append(number)
        self.versions.setdefault(tuple(sorted(record.versions.items())), []).append(number)
        self.devices.setdefault((record.device, record.estimator_device), []).append(number)
        for sentence in record.notices:
            self.notices.setdefault(sentence, []).append(number)


def survey_shot(
    folder: Path,
    shot: str,
    frames: Iterable[int] | None = None,
    *,
    slots: Sequence[str] | None = None,
    skipped: Mapping[int, str] | None = None,
    reasons: Mapping[int, str] | None = None,
    checksums: bool = True,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> ShotSurvey:
    """Look through a shot's results.

    folder: where its frames' sidecars lie. frames: those wanted; None: those that have a sidecar. slots: the
    names that every frame has to have, in order; None: what most frames have. skipped: frames without a plate,
    which are left out on purpose, with the reason. reasons: what is known of frames that could not be made.
    checksums: read every file whole; else only their sizes are looked at. advance: told after each frame how
    many are done. Frames of which settings or slots are not those of most others (the earliest, where two are
    as many) are stale. Raises OutputError where the folder can't be read.
    """
    skipped, reasons = skipped or {}, reasons or {}
    found = sidecars_of(folder, shot)
    wanted = sorted(set(found if frames is None else frames))
    gathered = _Gathered()
    problems: dict[int, Problem] = {}
    sidecars: dict[int, Path] = {}
    for done, number in enumerate(wanted, start=1):
        places = found.get(number, [])
        got = _missing(number, places, skipped, reasons) or _read(folder, shot, number, places[0], checksums)
        if isinstance(got, Problem):
            problems[number] = got
        else:
            sidecars[number] = places[0]
            gathered.add(number, got, places[0])
        advance(done, len(wanted))
    return _survey(shot, wanted, gathered, problems, sidecars, slots)


def sidecars_of(folder: Path, shot: str) -> dict[int, list[Path]]:
    """The files that are called like sidecars of a shot's frames, by number: two where they differ in their
    zeros.

    Raises OutputError where the folder can't be read.
    """
    called = re.compile(rf"{re.escape(shot)}\.matte\.(-?[0-9]+)\.json")
    found: dict[int, list[Path]] = {}
    for name in sorted(_names(folder)):
        match = called.fullmatch(name)
        if match is not None:
            found.setdefault(int(match[1]), []).append(folder / name)
    return found


def _names(folder: Path) -> list[str]:
    """What lies in the folder. Raises OutputError."""
    try:
        return [place.name for place in folder.iterdir()]
    except OSError as reason:
        raise OutputError(
            f"'{folder}' can't be read ({reason.strerror or reason}): expected the folder of the results."
        ) from None


def _missing(
    number: int, places: Sequence[Path], skipped: Mapping[int, str], reasons: Mapping[int, str]
) -> Problem | None:
    """Why there is no sidecar to read, if there is none, or not one alone."""
    if len(places) > 1:
        names = " and ".join(f"'{place.name}'" for place in places)
        return Problem(
            number, "failed", f"{names} are both this frame: remove the one that is not of this shot."
        )
    if number in skipped:
        return Problem(number, "skipped", skipped[number])
    if number in reasons:
        return Problem(number, "failed", reasons[number])
    if not places:
        return Problem(number, "missing", "There is no result of it.")
    return None


def _read(folder: Path, shot: str, number: int, sidecar: Path, checksums: bool) -> SidecarRecord | Problem:
    """A frame's record if all of its files are whole, else what is wrong with it."""
    record = read_sidecar(sidecar)
    if record is None:
        said = f"'{sidecar.name}' is damaged, or of another version: matte this frame again."
        return Problem(number, "failed", said)
    if record.plate.frame != number:
        said = f"'{sidecar.name}' is the record of frame {record.plate.frame}: matte this frame again."
        return Problem(number, "failed", said)
    if any(slot.alpha_area > record.plate.size[0] * record.plate.size[1] for slot in record.slots):
        said = f"'{sidecar.name}' tells of an object that is larger than its plate: matte this frame again."
        return Problem(number, "failed", said)
    # What the plate's file was called but for its ending, from which all names follow.
    digits = sidecar.name.removeprefix(f"{shot}.matte").removesuffix(".json")
    names = [slot.slot for slot in record.slots]
    expected = ResultFiles.of(folder, Path(f"{shot}{digits}.exr"), names, _EVERYTHING)
    possible = {(one.kind, one.path.name) for one in expected.besides_sidecar}
    for one in record.files:
        if (one.kind, one.name) not in possible:
            said = f"'{sidecar.name}' names '{one.name}', which is no file of this frame: matte it again."
            return Problem(number, "failed", said)
        state = file_state(folder / one.name, one, checksums)
        if state:
            return Problem(number, "failed", f"'{one.name}' {state}: matte this frame again.")
    return record


def _sample(slot: SlotRecord) -> SlotSample:
    return SlotSample(slot.source, slot.score, slot.alpha_area, slot.spread_mean, slot.flicker)


def _survey(
    shot: str,
    wanted: Sequence[int],
    gathered: _Gathered,
    problems: dict[int, Problem],
    sidecars: Mapping[int, Path],
    slots: Sequence[str] | None,
) -> ShotSurvey:
    """Tell the frames that belong together from stale ones, and put the numbers in order."""
    chosen = _chosen_group(gathered, slots)
    for key, numbers in gathered.groups.items():
        if key != chosen:
            reason = _difference(gathered, key, chosen, slots)
            problems.update({number: Problem(number, "stale", reason) for number in numbers})
    whole = tuple(gathered.groups[chosen]) if chosen else ()
    kept = set(whole)
    in_order = tuple(problems[number] for number in sorted(problems))
    if chosen is None:
        return ShotSurvey(shot, tuple(wanted), (), in_order, (), dict(sidecars))
    record, _ = gathered.first[chosen]
    courses = tuple(
        SlotCourse(slot, label, {number: gathered.samples[number][index] for number in whole})
        for index, (slot, label) in enumerate(chosen[1])
    )
    return ShotSurvey(
        shot,
        tuple(wanted),
        whole,
        in_order,
        courses,
        dict(sidecars),
        _run(record, shot, [sidecars[number] for number in whole]),
        tuple(model for model, _ in _of(gathered.models, kept)),
        tuple((dict(versions), numbers) for versions, numbers in _of(gathered.versions, kept)),
        tuple(_of(gathered.devices, kept)),
        tuple(_of(gathered.notices, kept)),
    )


def _chosen_group(gathered: _Gathered, slots: Sequence[str] | None) -> _Key | None:
    """The group that most frames are in, of those with these slots; None if there is none."""
    fitting = {
        key: numbers
        for key, numbers in gathered.groups.items()
        if slots is None or [slot for slot, _ in key[1]] == list(slots)
    }
    # max takes the first of equals, and groups stand in the order of their first frames.
    return max(fitting, key=lambda key: len(fitting[key])) if fitting else None


def _difference(gathered: _Gathered, key: _Key, chosen: _Key | None, slots: Sequence[str] | None) -> str:
    """How stale frames differ from the others, in a sentence."""
    end = ": matte this frame again."
    expected = list(slots or ()) if chosen is None else [slot for slot, _ in chosen[1]]
    has = [slot for slot, _ in key[1]]
    if has != expected:
        less = ", ".join(slot for slot in expected if slot not in has)
        more = ", ".join(slot for slot in has if slot not in expected)
        said = [f"lacks {less}"] * bool(less) + [f"has {more} besides"] * bool(more)
        return f"Its objects are not those of the shot: it {' and '.join(said) or 'has another order'}{end}"
    assert chosen is not None
    if key[0] != chosen[0]:
        one, other = gathered.first[key][0].settings, gathered.first[chosen][0].settings
        names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
        changed = ", ".join(
            f"{name} {_shown(one.get(name))} in place of {_shown(other.get(name))}" for name in names
        )
        return f"It was made with other settings than most frames ({changed or 'of another version'}){end}"
    return f"Its objects have other labels than in most frames{end}"


def _shown(value: Control | None) -> str:
    """A control's value in a sentence."""
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    return "none" if value is None else str(value)


def _of(told: Mapping[_Told, Sequence[int]], kept: Collection[int]) -> list[tuple[_Told, tuple[int, ...]]]:
    """What was told, with those of its frames that are kept; what only others tell is left out."""
    rows = [(what, tuple(number for number in numbers if number in kept)) for what, numbers in told.items()]
    return [(what, numbers) for what, numbers in rows if numbers]


def _run(record: SidecarRecord, shot: str, sidecars: Sequence[Path]) -> RunFacts:
    """What a shot's whole frames have in common, out of the first one's record."""
    numbers = [sidecar.name.removeprefix(f"{shot}.matte.").removesuffix(".json") for sidecar in sidecars]
    own = f".{numbers[0]}."
    places = f".{'#' * min(map(len, numbers))}."
    slot_of = {slot.png: slot.slot for slot in record.slots if slot.png is not None}
    files = [
        *((one.kind, slot_of.get(one.name), one.name) for one in record.files),
        ("sidecar", None, sidecars[0].name),
    ]
    return RunFacts(
        record.settings_hash,
        dict(record.settings),
        record.seed,
        record.plate.size,
        record.plate.pixel_aspect,
        record.cryptomatte.name if record.cryptomatte else None,
        tuple((kind, slot, places.join(name.rsplit(own, 1))) for kind, slot, name in files),
    )
