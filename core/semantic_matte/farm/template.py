"""The job template of a shot: find and tie, matte in chunks, collect.

Its form is "Open Job Description 2023-09" with the extension TASK_CHUNKING (RFC 0001), as `openjd` runs it and
AWS Deadline Cloud takes it. No action is a shell's: each is the engine's program and its arguments, into which
the farm puts the parameters' values, whatever they hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from semantic_matte.farm import parameters as names
from semantic_matte.farm.commands import ShotCommands, StepCommand, is_switch
from semantic_matte.farm.parameters import JobParameter, placed

SPECIFICATION = "jobtemplate-2023-09"
EXTENSIONS = ["TASK_CHUNKING"]

FIND_AND_TIE, MATTE, COLLECT = "FindAndTie", "Matte", "Collect"
FRAME = "Frame"

# What OpenJD allows a job's name.
_LONGEST_NAME = 128
# A task that is to end may tidy up; then the farm kills it.
_NOTIFY_SECONDS = 15
# A worker is ready in a second; on a cold disk it takes longer.
_START_SECONDS, _STOP_SECONDS = 180, 60
# Makes the engine tell its progress as OpenJD's hosts read it (see `openjd_progress`).
PROGRESS_VARIABLE, PROGRESS_VALUE = "SEMANTIC_MATTE_PROGRESS", "openjd"


def job_template(
    shot_name: str, parameters: Sequence[JobParameter], commands: ShotCommands, switched_on: set[str]
) -> dict[str, Any]:
    """The template as plain values. switched_on: see `parameters.fixed_switches`."""
    known = {one.name for one in parameters}

    def step(name: str, command: StepCommand, *arguments: str) -> dict[str, Any]:
        """A step without dependencies: one command, in a worker of its own if it works there."""
        given = _arguments(command, known, switched_on)
        worker = ["--worker"] if "worker" in command.others else []
        found: dict[str, Any] = {"name": name}
        if worker:
            found["stepEnvironments"] = [_worker_environment(known)]
        run = [command.name, placed(names.PLATES), f"--out={placed(names.OUTPUT)}"]
        run += [f"--frames={placed(names.FRAMES)}", *arguments, *given, *worker, "--json"]
        found["script"] = {"actions": {"onRun": _action(run)}}
        return found

    chunk = f"--chunk={{{{Task.Param.{FRAME}}}}}"
    return {
        "specificationVersion": SPECIFICATION,
        "extensions": EXTENSIONS,
        "name": job_name(shot_name),
        "description": "Finds the objects of a shot and gives each one a soft alpha with a name.",
        "parameterDefinitions": [one.definition for one in parameters],
        "jobEnvironments": [{"name": "Progress", "variables": {PROGRESS_VARIABLE: PROGRESS_VALUE}}],
        "steps": [
            step(FIND_AND_TIE, commands.track),
            {
                **step(MATTE, commands.matte, chunk),
                "dependencies": [{"dependsOn": FIND_AND_TIE}],
                "parameterSpace": {"taskParameterDefinitions": [_frames_in_chunks()]},
            },
            {
                **step(COLLECT, commands.collect),
                # A farm without shared storage brings a host what the steps named here wrote, and no more.
                "dependencies": [{"dependsOn": FIND_AND_TIE}, {"dependsOn": MATTE}],
            },
        ],
    }


def job_name(shot_name: str) -> str:
    """What a farm's monitor calls the job: no control characters, nothing to be put in place, not too long."""
    visible = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", shot_name)
    # Two braces would ask for a value; there is no way to quote them.
    apart = re.sub(r"(?<=\{)(?=\{)|(?<=\})(?=\})", " ", visible)
    return f"Semantic Matte: {apart}"[:_LONGEST_NAME]


def _frames_in_chunks() -> dict[str, Any]:
    """The tasks of the matte step.

    Chunks may have gaps: of frames with a step, contiguous chunks would hold one frame each.
    """
    return {
        "name": FRAME,
        "type": "CHUNK[INT]",
        "range": placed(names.FRAMES),
        "chunks": {"defaultTaskCount": placed(names.CHUNK_SIZE), "rangeConstraint": "NONCONTIGUOUS"},
    }


def _arguments(command: StepCommand, known: set[str], switched_on: set[str]) -> list[str]:
    """The options of a command's controls, each one word: no value can be taken for an option."""
    found = []
    others = {"hint": ("--hint", names.HINT), "colour_space": ("--colour-space", names.COLOUR_SPACE)}
    for other, (flag, parameter) in others.items():
        if other in command.others and parameter in known:
            found.append(f"{flag}={placed(parameter)}")
    for control, flags in command.controls.items():
        parameter = names.parameter_name(control)
        if parameter in known:
            # A switch's parameter holds one of its two options.
            found.append(placed(parameter) if is_switch(control) else f"{flags.on}={placed(parameter)}")
        elif control in switched_on:
            found.append(flags.on)
    return found


def _worker_environment(known: set[str]) -> dict[str, Any]:
    """One warm worker for all the tasks that a host runs of a step."""
    device = names.parameter_name("device")
    which = [f"--device={placed(device)}"] if device in known else []
    return {
        "name": "Worker",
        "description": "A worker of the session's own, which keeps the models loaded from task to task.",
        "script": {
            "actions": {
                "onEnter": _action(["farm-worker", "start", *which], _START_SECONDS),
                "onExit": _action(["farm-worker", "stop", *which], _STOP_SECONDS),
            }
        },
    }


def _action(arguments: list[str], seconds: int | None = None) -> dict[str, Any]:
    limit = {} if seconds is None else {"timeout": seconds}
    return {
        "command": placed(names.ENGINE),
        "args": arguments,
        **limit,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTIFY_SECONDS},
    }
