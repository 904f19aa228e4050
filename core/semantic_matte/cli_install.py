"""Hosts from a shell: `semantic-matte install nuke | blender`. Exit codes as of `cli`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from semantic_matte.console import BarProgress, JsonProgress, run_work

if TYPE_CHECKING:
    from semantic_matte.installing import Plan


def install(
    host: Annotated[str, typer.Argument(metavar="HOST", help="nuke or blender.")],
    to: Annotated[
        Optional[Path],
        typer.Option(metavar="FOLDER", help="In place of ~/.nuke, or of a Blender version's user folder."),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Links to the files here in place of copies: to develop them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; touch nothing.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Remove what was installed.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Add the line that Nuke needs to an init.py of your own, unasked.")
    ] = False,
    packed: Annotated[
        Optional[Path],
        typer.Option(
            "--zip",
            metavar="FILE",
            help="Write Blender's extension as a zip to install from disk, and nothing else.",
        ),
    ] = None,
) -> None:
    """Put the plugin and the client where Nuke or Blender looks for them, or take them away again."""
    plan = _planned(host, to, link, uninstall, yes, packed)
    if plan.question and not dry_run and sys.stdin.isatty():
        path, line = plan.question
        typer.echo(f"{path} is somebody else's. This line would go to its end:\n    {line}")
        if typer.confirm("Add it?"):
            plan = _planned(host, to, link, uninstall, True, packed)

    def work(_progress: BarProgress | JsonProgress) -> tuple[str, ...]:
        """Do it, unless it is a dry run, and only then say what was done."""
        if not dry_run:
            plan.carry_out()
        return plan.lines

    run_work(work, False)
    if dry_run:
        typer.echo("A dry run: nothing was touched.", err=True)


def _planned(host: str, to: Path | None, link: bool, uninstall: bool, edit: bool, packed: Path | None) -> Plan:
    """What will be done. Raises typer.Exit where it can't be."""
    plans: list[Plan] = []

    def work(_progress: BarProgress | JsonProgress) -> None:
        """Load what installs only now."""
        from semantic_matte.errors import UsageError
        from semantic_matte.installing import plan_install, plan_uninstall, plan_zip

        if packed is not None:
            if to is not None or link or uninstall:
                raise UsageError(
                    "--zip writes a file and installs nothing: leave out --to, --link and --uninstall."
                )
            plans.append(plan_zip(host, packed))
        elif uninstall:
            plans.append(plan_uninstall(host, to=to))
        else:
            plans.append(plan_install(host, to=to, link=link, edit=edit))

    run_work(work, False)
    return plans[0]
