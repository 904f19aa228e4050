"""Copies or links the adapter and the client into a host's folders, in place of an earlier version's."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from semantic_matte import __version__
from semantic_matte.errors import OutputError
from semantic_matte.installing import nuke_init
from semantic_matte.installing.host_folders import Host, Place, find_host
from semantic_matte.installing.plans import Plan, config_step, engine_record, not_ours, recorded, standing_at
from semantic_matte.installing.receipts import RECEIPT, Receipt, Standing, files_in
from semantic_matte.installing.steps import FileStep, FolderStep, Step, missing_above
from semantic_matte.outputs.atomic import refusal
from semantic_matte.worker.client_places import FILE_NAME, client_folder

# Path in the new folder -> the file that is copied or linked, or the bytes that are written.
Contents = Mapping[str, Path | bytes]


def plan_install(name: str, *, to: Path | None = None, link: bool = False, edit: bool = False) -> Plan:
    """What `semantic-matte install NAME` will do.

    name: "nuke" or "blender". to: a folder in place of the host's own of the user. link: symbolic links to the
    files here, for who develops them. edit: a line may be added to an init.py that somebody else wrote.
    Raises UsageError, OutputError.
    """
    host = find_host(name)
    target = to.expanduser().absolute() if to is not None else None
    places = host.places(target)
    lines, steps = [], []
    problem = recorded()[1]
    if problem:
        lines.append(f"{problem.rstrip('.')}; it is written anew.")
    for place in places:
        step, said = _place_step(host, name, place, link)
        steps.append(step)
        lines += said
    question = None
    if name == "nuke":
        said, edits, question = _nuke_init(places[0].folder, edit)
        lines += said
        steps += edits
    step, line = config_step([place.folder for place in places], [])
    undo = f" --to '{target}'" if target is not None else ""
    lines += [line, *_next_steps(host), f"To undo it: semantic-matte install {name} --uninstall{undo}"]
    return Plan(tuple(lines), (*steps, step), question)


def _place_step(host: Host, name: str, place: Place, link: bool) -> tuple[Step, list[str]]:
    """The step that fills one folder, and its lines. Raises UsageError, OutputError."""
    contents = contents_of(host, place)
    earlier, standing = standing_at(place.folder)
    if earlier is None and set(standing.others) & set(contents):
        raise not_ours(place.folder)
    kept = _kept(standing, contents)
    lines = [_line(place, len(contents), link, earlier), *(_kept_line(*names) for names in kept.items())]
    made = earlier.made if earlier else len(missing_above(place.folder))
    build = functools.partial(_build, place.folder, contents, kept, Receipt(name, __version__, made, {}), link)
    return FolderStep(place.folder, build), lines


def _line(place: Place, files: int, link: bool, earlier: Receipt | None) -> str:
    parts = ["the adapter"] * place.adapter + ["the client"] * (place.client is not None)
    how = " as links" if link else ""
    line = (
        f"{place.folder}: {' and '.join(parts)} for {place.for_what}, version {__version__}, {files} files{how}"
    )
    return line + (f", in place of version {earlier.version}" if earlier else "")


def contents_of(host: Host, place: Place) -> Contents:
    """Every file of the new folder but its receipt. Raises OutputError."""
    contents: dict[str, Path | bytes] = {}
    try:
        if place.adapter:
            shown = _sources(host.adapter_folder(), "").items()
            contents |= {name: source for name, source in shown if not name.startswith(host.left_out)}
        if place.client is not None:
            prefix = f"{place.client}/" if place.client else ""
            contents |= _sources(client_folder(), prefix)
            contents[prefix + FILE_NAME] = engine_record().as_json().encode()
    except OSError as reason:
        raise unreadable(reason) from None
    return contents


def unreadable(reason: OSError) -> OutputError:
    """The error for a file of the package that can't be read."""
    return OutputError(
        f"What is to be installed can't be read ({reason.filename}: {reason.strerror}): install "
        "semantic-matte again."
    )


def _sources(folder: Path, prefix: str) -> dict[str, Path | bytes]:
    """The files under a folder that belong to it: no bytecode, nothing hidden."""
    named = {name: name.split("/") for name in files_in(folder)}
    return {
        prefix + name: folder / name
        for name, parts in named.items()
        if "__pycache__" not in parts and not any(part.startswith(".") for part in parts)
    }


def _kept(standing: Standing, contents: Contents) -> dict[str, str]:
    """Files that the user changed or added -> the name under which each is kept in the new folder."""
    kept: dict[str, str] = {}
    taken = {*contents, RECEIPT, *standing.others}
    for name in standing.others:
        kept[name] = _free(name, taken - {name}) if name in contents else name
    for name in standing.changed:
        kept[name] = _free(name, taken | set(kept.values()))
    return kept


def _free(name: str, taken: set[str]) -> str:
    """The name with ".changed" at its end, and a number where that is taken."""
    tries = (f"{name}.changed{number or ''}" for number in range(10_000))
    return next(one for one in tries if one not in taken)


def _kept_line(old: str, new: str) -> str:
    if old == new:
        return f"  kept: {old}, which no install wrote"
    return f"  kept as {new}: {old}, which was changed after it was installed"


def _build(
    earlier: Path, contents: Contents, kept: Mapping[str, str], receipt: Receipt, link: bool, new: Path
) -> None:
    """Fill the new folder: what is installed, what is kept of the earlier folder, and the receipt.

    Raises OSError.
    """
    marks = {}
    for name, source in contents.items():
        place = new / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if link and isinstance(source, Path):
            place.symlink_to(source)
            marks[name] = f"link:{source}"
            continue
        content = source if isinstance(source, bytes) else source.read_bytes()
        place.write_bytes(content)
        marks[name] = hashlib.sha256(content).hexdigest()
    for old, name in kept.items():
        place = new / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(earlier / old, place, follow_symlinks=False)
    written = Receipt(receipt.host, receipt.version, receipt.made, marks)
    (new / RECEIPT).write_text(written.as_json(), encoding="utf-8")


def _nuke_init(folder: Path, edit: bool) -> tuple[list[str], list[Step], tuple[Path, str] | None]:
    """Lines, steps and the open question about the init.py beside the installed folder. Raises OutputError."""
    path = folder.parent / "init.py"
    try:
        content = path.read_bytes() if path.exists() else None
    except OSError as reason:
        raise OutputError(refusal(path, reason)) from reason
    if content is None:
        text = nuke_init.new_file()
        return [f"{path}: written, with the line", f"    {nuke_init.WRITTEN}"], [FileStep(path, text)], None
    if nuke_init.has_line(content):
        return [f"{path}: has its line already"], [], None
    shown = f"    {nuke_init.ADDED}"
    if edit:
        step = FileStep(path, nuke_init.with_line(content))
        return [f"{path}: gets this line at its end", shown], [step], None
    told = (
        f"{path}: is somebody else's and is left as it is; Nuke finds what was installed when you add this "
        f"line to it, or run this again with --yes, or let NUKE_PATH name '{folder}'"
    )
    return [told, shown], [], (path, nuke_init.ADDED)


def _next_steps(host: Host) -> Sequence[str]:
    """What is left to do in the host, if it has a node, and what can be done if not."""
    if host.has_node():
        return (host.enable,) if host.enable else ()
    return (
        f"{host.title} has no node in this version yet: what is installed lets its Python console "
        "'import semantic_matte_client'.",
    )
