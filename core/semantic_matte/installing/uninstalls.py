"""Takes away what an install wrote, and nothing else: what was changed or added since is kept and told."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from semantic_matte.errors import OutputError, UsageError
from semantic_matte.installing import nuke_init
from semantic_matte.installing.host_folders import NAME, Host, find_host
from semantic_matte.installing.plans import Plan, config_step, listed_folders, standing_at
from semantic_matte.installing.receipts import RECEIPT, Receipt, Standing
from semantic_matte.installing.steps import FileStep, FolderStep, Step, lying_at
from semantic_matte.outputs.atomic import refusal


def plan_uninstall(name: str, *, to: Path | None = None) -> Plan:
    """What `semantic-matte install NAME --uninstall` will do. to: only what lies in this folder.

    Raises UsageError, OutputError.
    """
    host = find_host(name)
    target = to.expanduser().absolute() if to is not None else None
    listed = listed_folders()
    lines: list[str] = []
    steps: list[Step] = []
    removed: list[Path] = []
    for folder in _folders(host, target, listed):
        found = _standing(folder, name)
        if found is None:
            continue
        step, said = _removal(folder, *found)
        steps.append(step)
        lines += said
        removed.append(folder)
        if name == "nuke":
            said, edits = _nuke_init(folder)
            lines += said
            steps += edits
    if not removed:
        where = f" in '{target}'" if target is not None else ""
        return Plan((f"Nothing was installed for {host.title}{where}: there is nothing to remove.",), ())
    # Those that were removed by hand are forgotten too.
    lost = [Path(folder) for folder in listed if not lying_at(Path(folder)).exists()]
    step, line = config_step([], [*removed, *lost])
    return Plan((*lines, line), (*steps, step))


def _folders(host: Host, target: Path | None, listed: Sequence[str]) -> Iterator[Path]:
    """Where an install of this host may lie, each once: where it would go today, and where it went."""
    folders: list[Path] = []
    # Where the host itself is gone, what it was given may still be there.
    with contextlib.suppress(UsageError):
        folders += [place.folder for place in host.places(target)]
    folders += [Path(folder) for folder in listed if target is None or target in Path(folder).parents]
    yield from dict.fromkeys(folders)


def _standing(folder: Path, name: str) -> tuple[Receipt, Standing] | None:
    """What is installed in a folder for this host; None for nothing, for another host's, and for what no
    install wrote. Raises UsageError for a receipt that can't be trusted."""
    if not (lying_at(folder) / RECEIPT).exists():
        return None
    receipt, standing = standing_at(folder)
    return (receipt, standing) if receipt is not None and receipt.host == name else None


def _removal(folder: Path, receipt: Receipt, standing: Standing) -> tuple[Step, list[str]]:
    """The step that removes the unchanged files of a folder, or all of it, and its lines."""
    kept = sorted((*standing.changed, *standing.others))
    if not kept:
        line = f"{folder}: removed, {len(standing.unchanged)} files"
        return FolderStep(folder, None, receipt.made), [line]
    lines = [f"{folder}: {len(standing.unchanged)} files removed; the folder stays, because of"]
    lines += [f"  kept: {name}, which was changed after it was installed" for name in standing.changed]
    lines += [f"  kept: {name}, which no install wrote" for name in standing.others]
    return FolderStep(folder, functools.partial(_keep, folder, kept)), lines


def _keep(earlier: Path, kept: Sequence[str], new: Path) -> None:
    """Fill the new folder with what is kept of the earlier one. Raises OSError."""
    for name in kept:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(earlier / name, new / name, follow_symlinks=False)


def _nuke_init(folder: Path) -> tuple[list[str], list[Step]]:
    """Lines and steps that take our line out of the init.py beside a removed folder. Raises OutputError."""
    path = folder.parent / "init.py"
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as reason:
        raise OutputError(refusal(path, reason)) from reason
    left = nuke_init.without_line(content)
    if left is None:
        return [f"{path}: removed"], [FileStep(path, None)]
    if left != content:
        return [f"{path}: our line is taken out, the rest is as it was"], [FileStep(path, left)]
    if nuke_init.has_line(content):
        return [f"{path}: still adds '{NAME}' by a line of your own: take it out"], []
    return [], []
