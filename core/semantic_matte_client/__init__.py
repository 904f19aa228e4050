"""Semantic Matte from inside a host: Nuke, Blender, any Python from 3.9 on. Nothing but the standard library.

It finds every object in a plate by itself and gives each one a soft alpha with a name. The work is done by a
worker, a process of the engine's own Python that is started when it is first needed, keeps its models warm for
all hosts of this machine, and ends by itself when nobody asks for anything. Pixels travel as files.

    import semantic_matte_client as sm

    shot = sm.matte("plate.####.exr", out="mattes/", find=["person"])    # waits, returns what was written
    print(shot)                                                          # names, scores, files
    sm.segment("plate.exr")                                              # what is there, without mattes
    sm.refine("plate.exr", "trimap.png", out="alpha.exr")                # matting alone

    sm.track("plate.####.exr", out="mattes/")                            # a shot in steps, as farms do it:
    sm.matte("plate.####.exr", out="mattes/", chunk="1001-1010")         # its objects, its mattes in chunks,
    sm.collect("plate.####.exr", out="mattes/")                          # and what came of it

    job = sm.start("matte", "plate.exr", "mattes/", passes=2)            # returns at once, makes no thread
    job.poll(), job.progress.fraction, job.cancel(), job.result          # from a timer of the host

    sm.controls()       every control, its range and what it does: pass any by its name
    sm.status()         what the worker is doing         sm.stop()       ends it
    sm.doctor()         checks all, and says what to do if something is missing

The engine is found by SEMANTIC_MATTE_PYTHON, by what `semantic-matte install` wrote, or on PATH. Every error is
a `ClientError` whose text is a sentence that says what to do. Ctrl-C cancels what runs.
"""

from typing import Any, List

from semantic_matte_client import errors
from semantic_matte_client.calls import controls, doctor, matte, refine, segment, start, status, stop
from semantic_matte_client.errors import ClientError
from semantic_matte_client.shot_calls import collect, track
from semantic_matte_client.version import VERSION

__version__ = VERSION

# What help() lists. The other errors can be named from here too: see errors.py.
__all__ = [
    "matte",
    "segment",
    "refine",
    "track",
    "collect",
    "start",
    "status",
    "stop",
    "doctor",
    "controls",
    "Client",
    "ClientError",
]


def __getattr__(name: str) -> Any:
    """`Client`, loaded when it is first asked for, as importing this must cost a host nothing; and errors."""
    if name == "Client":
        from semantic_matte_client.client import Client

        return Client
    if name.endswith("Error") and hasattr(errors, name):
        return getattr(errors, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> List[str]:
    return sorted(__all__)
