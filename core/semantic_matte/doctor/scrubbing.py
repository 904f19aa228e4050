"""Takes out of a text what tells who wrote it, on which machine, and on what they work.

Names that are known (home, user, host, values of the environment) are replaced wherever they stand; addresses,
serial numbers, paths and names of files by what they look like. In doubt more is taken out than need be.
"""

from __future__ import annotations

import contextlib
import getpass
import ipaddress
import json
import os
import platform
import re
import socket
import unicodedata
import urllib.parse
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

# Of folders only this engine's own are told, as "<package>/semantic_matte/engine.py".
_PACKAGES = Path(__file__).parent.parent.parent

# Shorter ones are replaced where they stand alone.
_SHORTEST_PART = 3
# Shorter values of the environment are flags and numbers.
_SHORTEST_VALUE = 4
# What a longer line says is not told.
_LONGEST_LINE = 4000
# Words that many an environment holds and that tell nothing.
_COMMON = {"true", "false", "none", "auto", "passive", "utf-8", "cuda", "cpu", "linux", "xterm", "default"}
# Addresses that the doctor itself names, and built-in colour configurations.
_PUBLIC = re.compile(
    r"https://github\.com/facebookresearch/detectron2|https://pytorch\.org/get-started/locally"
    r"|ocio://(?:default|(?:cg|studio)-config-[\w.-]+)"
)

_TIME = r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)? ?)?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)?"
_SUFFIXES = (
    "exr|sxr|dpx|cin|png|jpe?g|tiff?|hdr|bmp|gif|webp|heic|tga|psd|mov|mp4|mxf|avi|json|ya?ml|toml|txt|csv|nk|blend"
    "|py|usd[acz]?|abc|fbx|obj|aep|zip|pth?|pkl|onnx|safetensors|npy|npz|ocio|cube|log"
)
# What a path may go on with, unquoted: spaces and apostrophes too, for names have them.
_REST = r"(?:[^:;,'\"`<>|]|['\"`](?=\w))*"

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>|]*", re.IGNORECASE)
_MAIL = re.compile(r"[^\s<>'\"]+@[\w-]+(?:\.[\w-]+)*")
_SERIALS = re.compile(
    r"(?:GPU-|MIG-)?\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
    r"|\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b"
    r"|\bserial(?:\s*(?:number|no\.?))?\s*[:=#]?\s*[\w-]*\d[\w-]*",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)"
    r"|(?<!\w)[0-9a-f]*:[0-9a-f:]*:(?:[0-9a-f:.]*[0-9a-f])?(?:%\w+)?(?!\w)",
    re.IGNORECASE,
)
# No text of ours has them; and the marks of what is set aside.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000\ue001]")
# What the doctor offers as an example.
_EXAMPLE = re.compile(r"(?<=:)(?:path/to/)?(?:model\.(?:onnx|pt|safetensors)|folder)$")
# Not an apostrophe's.
_TRACEBACK = re.compile(r'(?<=File ").*(?=", line \d)')
_QUOTED = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\"|`[^`]*`)(?!\w)")
_PATH = re.compile(
    rf"(?:<home>|(?<![\w<>])(?:~[\w-]*|\.{{1,2}})?)/(?=\S){_REST}"
    rf"|(?<![A-Za-z])[A-Za-z]:[\\/]{_REST}"
    rf"|(?:<home>)?\\+(?=\w){_REST}"
    r"|[^\s'\"`<>]*/[^\s/'\"`<>]+/[^\s'\"`<>]*"
)
_OURS = re.compile(r"(semantic_matte(?:_client)?(?:[/\\]+\w+)*[/\\]+\w+\.py)\b")
_FILE = re.compile(rf"\.(?:{_SUFFIXES})\b", re.IGNORECASE)
_UP_TO_FILE = re.compile(rf"^({_TIME})(.*\.(?:{_SUFFIXES}))\b", re.IGNORECASE)


class Scrubber:
    """names: what to take out -> what to call it, as in {"/srv/ann": "home"}. versions: texts that look like
    addresses and are none."""

    def __init__(self, names: Mapping[str, str], versions: Collection[str] = ()) -> None:
        self._calls = {form: call for name, call in names.items() for form in _forms(name)}
        self._versions = frozenset(versions)
        # The longest first: a home has the user's name in it.
        forms = sorted(self._calls, key=len, reverse=True)
        self._names = re.compile("|".join(map(_pattern, forms)), re.IGNORECASE) if forms else None

    @classmethod
    def of_this_machine(cls, versions: Collection[str] = ()) -> Scrubber:
        """One that knows this user, this machine and this environment."""
        return cls(private_names(), versions)

    def text(self, text: str) -> str:
        """The text without what is private, line by line."""
        return "\n".join(map(self._line, text.split("\n")))

    def _line(self, line: str) -> str:
        """One line; what may stay although it looks like a place is set aside while the rest is treated."""
        kept: list[str] = []

        def keep(text: str) -> str:
            """A mark that stands for a text until the end."""
            kept.append(text)
            return f"\ue000{len(kept) - 1}\ue001"

        def path(text: str) -> str:
            """What may be told of a path: where it lies in this engine, if it does."""
            inside = _inside_package(text)
            return keep(f"<package>/{inside}") if inside else "<path>"

        def quoted(found: re.Match[str]) -> str:
            """A text in quotes, which is how messages name files."""
            quote, inside = found[0][0], found[0][1:-1]
            if "/" in inside or "\\" in inside:
                return quote + path(inside) + quote
            return f"{quote}<file>{quote}" if _FILE.search(inside) else found[0]

        if len(line) > _LONGEST_LINE:
            line = line[:_LONGEST_LINE] + " (cut)"
        line = _CONTROL.sub("?", line)
        line = _URL.sub(lambda found: keep(found[0]) if _PUBLIC.fullmatch(found[0]) else "<url>", line)
        line = _EXAMPLE.sub(lambda found: keep(found[0]), line)
        line = self._without_names(_MAIL.sub("<e-mail>", line))
        line = _SERIALS.sub("<serial>", line)
        line = _ADDRESS.sub(self._address, line)
        line = _TRACEBACK.sub(lambda found: path(found[0]), line)
        line = _QUOTED.sub(quoted, line)
        line = _PATH.sub(lambda found: path(found[0]), line)
        line = _UP_TO_FILE.sub(r"\1<file>", line)
        return re.sub("\ue000(\\d+)\ue001", lambda found: kept[int(found[1])], line)

    def _without_names(self, text: str) -> str:
        if self._names is None:
            return text
        return self._names.sub(lambda found: f"<{self._called(found[0])}>", text)

    def _called(self, found: str) -> str:
        """What a name that was found is called; it may stand there in other letters than it was given in."""
        exact = self._calls.get(found)
        if exact is not None:
            return exact
        folded = found.casefold()
        return next((call for form, call in self._calls.items() if form.casefold() == folded), "name")

    def _address(self, found: re.Match[str]) -> str:
        if found[0] in self._versions:
            return found[0]
        try:
            ipaddress.ip_address(found[0])
        except ValueError:
            return found[0]
        return "<address>"


def private_names() -> dict[str, str]:
    """Every name that tells who works here and where -> what to call it."""
    names: dict[str, str] = {}
    for value in environment_values():
        names[value] = "environment"
    for name in (platform.node(), socket.gethostname()):
        names |= dict.fromkeys((name, name.partition(".")[0]), "host")
    names |= dict.fromkeys(_users(), "user")
    homes = {os.path.expanduser("~"), os.path.realpath(os.path.expanduser("~"))}  # noqa: PTH111
    names |= dict.fromkeys(homes, "home")
    return {name: call for name, call in names.items() if name.strip("/\\~ ")}


def environment_values() -> list[str]:
    """Values of environment variables, and the parts of lists of paths, that may tell something."""
    found = []
    for value in os.environ.values():
        found += [value, *value.split(os.pathsep)]
    plain = re.compile(r"[\d.,:;\s]*")
    return [
        value
        for value in dict.fromkeys(found)
        if len(value) >= _SHORTEST_VALUE and value.lower() not in _COMMON and not plain.fullmatch(value)
    ]


def _users() -> list[str]:
    """The names by which the system may know this user."""
    names = [os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "LNAME", "SUDO_USER")]
    # Without an entry for this user there is no name either.
    with contextlib.suppress(OSError, KeyError, ImportError):
        names.append(getpass.getuser())
    return [name for name in names if name]


def _forms(name: str) -> Iterable[str]:
    """A name as files and messages may write it: composed or not, escaped for JSON, Python, an address."""
    for one in {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}:
        turned = {one, one.replace("\\", "/"), one.replace("/", "\\")}
        for text in turned:
            yield text
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield repr(text)[1:-1]
            yield ascii(text)[1:-1]
            yield urllib.parse.quote(text, errors="ignore")


def _pattern(form: str) -> str:
    """A pattern for one form of a name; a very short one must stand alone."""
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORTEST_PART else rf"(?<!\w){escaped}(?!\w)"


def _inside_package(path: str) -> str:
    """The part of a path that lies in this engine, with slashes; empty if it doesn't lie there."""
    ours = _OURS.search(path)
    inside = ours[1].replace("\\", "/") if ours else ""
    return inside if inside and (_PACKAGES / inside).is_file() else ""
