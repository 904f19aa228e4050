"""A shot in steps, for what spreads it over time or over machines: `track`, `matte` with a chunk, `collect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Optional

from semantic_matte_client.calls import HOSTS_OCIO, Names, start, waited

if TYPE_CHECKING:
    from semantic_matte_client.job import OnEvent
    from semantic_matte_client.request_checks import AnyPath, Frames, Plates
    from semantic_matte_client.shot_results import ShotsResult


def track(
    plates: Plates,
    out: AnyPath,
    *,
    find: Names = (),
    hint: Optional[AnyPath] = None,
    colour_space: Optional[str] = None,
    frames: Optional[Frames] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    on_event: Optional[OnEvent] = None,
    **settings: Any,
) -> ShotsResult:
    """Find the objects of a shot and tie them from frame to frame, without solving mattes.

        [one] = track("plate.####.exr", "mattes/", find="person")
        one.slots, one.tracks

    It writes NAME.tracks.json, which you may edit before `matte`.

    out            the folder to write into, the same as that of `matte`
    frames         which ones the shot has: "1001-1050x2,1060"; by default all that are there
    and the rest   as for `matte`

    Returns a ShotsResult of shots, each with .name, .frames, .slots (name -> frames), .files, .tracks. Raises
    as `matte`.
    """
    job = start(
        "track",
        plates,
        out,
        hint=hint,
        colour_space=colour_space,
        frames=frames,
        ocio=ocio,
        device=device,
        roots=roots,
        on_disconnect=on_disconnect,
        python=python,
        find=find,
        **settings,
    )
    result: ShotsResult = waited(job, on_event)
    return result


def collect(
    plates: Plates,
    out: AnyPath,
    *,
    colour_space: Optional[str] = None,
    frames: Optional[Frames] = None,
    ocio: Optional[str] = HOSTS_OCIO,
    device: str = "auto",
    roots: Optional[Iterable[AnyPath]] = None,
    on_disconnect: str = "cancel",
    python: Optional[AnyPath] = None,
    on_event: Optional[OnEvent] = None,
    **settings: Any,
) -> ShotsResult:
    """Look at what was made of a shot, after its chunks: NAME.matte.json and NAME.contact.png.

        collect("plate.####.exr", "mattes/")

    out            the folder that its frames were written into
    frames         as for `track`
    and the rest   as for `matte`

    Returns a ShotsResult, as `track`. Raises JobFailedError, with their numbers, if frames have no result; and
    as `matte`.
    """
    job = start(
        "collect",
        plates,
        out,
        colour_space=colour_space,
        frames=frames,
        ocio=ocio,
        device=device,
        roots=roots,
        on_disconnect=on_disconnect,
        python=python,
        **settings,
    )
    result: ShotsResult = waited(job, on_event)
    return result
