"""What was installed into hosts: where, which version, whether it was changed since, which engine it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from semantic_matte import __version__
from semantic_matte.doctor.finding import Finding
from semantic_matte.errors import UsageError


def hosts() -> Iterator[Finding]:
    """A row for each installed folder; one for all where there is none."""
    from semantic_matte.installing.plans import recorded

    place, problem = recorded()
    if problem:
        yield Finding("installed hosts", "error", problem)
    elif place is None or not place.installed:
        yield Finding("installed hosts", "ok", "none: 'semantic-matte install nuke' or 'blender' makes one")
    else:
        for folder in place.installed:
            yield _installed(Path(folder))


def _installed(folder: Path) -> Finding:
    from semantic_matte.installing.host_folders import HOSTS
    from semantic_matte.installing.plans import standing_at

    try:
        receipt, standing = standing_at(folder)
    except UsageError as error:
        return Finding("installed host", "error", str(error))
    if receipt is None:
        return Finding(
            "installed host",
            "warning",
            f"{folder} was removed by hand: 'semantic-matte install HOST --uninstall' forgets it, without "
            "--uninstall it is put there again",
        )
    title = HOSTS[receipt.host].title if receipt.host in HOSTS else receipt.host
    what, again = f"installed {title}", f"run 'semantic-matte install {receipt.host}' again"
    text = f"{folder}, version {receipt.version}"
    if receipt.version != __version__:
        return Finding(what, "warning", f"{text}, but the engine is {__version__}: {again}")
    missing = [*standing.gone, *(f"{name} (changed)" for name in standing.changed)]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return Finding(what, "warning", f"{text}, not as installed: {', '.join(missing[:3])}{more}; {again}")
    problem = _engine_problem(folder, receipt.files)
    if problem:
        return Finding(what, "error", f"{problem}: {again}")
    return Finding(what, "ok", f"{text}, as installed")


def _engine_problem(folder: Path, files: object) -> str:
    """What is wrong with the engine's place beside the installed client; empty if nothing is."""
    from semantic_matte.worker.client_places import FILE_NAME, ClientError, read_engine_place

    assert isinstance(files, dict)
    for name in files:
        if Path(name).name != FILE_NAME:
            continue
        try:
            place = read_engine_place(folder / name)
        except ClientError as error:
            return str(error).rstrip(".")
        if place is not None and not Path(place.python).is_file():
            return f"{folder} names the engine's Python as {place.python}, which is not there"
    return ""
