"""Scripts on disk and on the clipboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from . import emission, scripts
from .node_cores import NodeCore


class Files:
    """Open, save, clear, copy and paste of one host."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.clipboard = ""

    def script_name(self) -> str:
        name = self.host.root_core.text("name")
        if not name:
            raise RuntimeError("no script name: it has not been saved yet")
        return str(name)

    def clear(self, *args: Any) -> None:
        """Close what is open: what listens is told, every node ends."""
        host = self.host
        host.callbacks.guarded("OnScriptClose", host.root_core)
        host.changes.disabled += 1
        try:
            for core in list(host.root_core.children):
                host.callbacks.destroyed(core)
                host.root_core.children.remove(core)
                core._end()
        finally:
            host.changes.disabled -= 1
        host.new_root()
        host.changes.clear()
        host.contexts = [host.root_core]
        host.modified = False

    def open(self, filename: Optional[str] = None) -> None:
        """Another script in the place of what is open."""
        if not isinstance(filename, str):
            raise TypeError("scriptOpen: expected a path")
        path = Path(filename)
        if not path.is_file():
            raise RuntimeError(f"Can't read script file {filename}: No such file or directory")
        self.clear()
        self._read(path.read_text(encoding="utf-8"), True)
        host = self.host
        host.root_core.knobs["name"]._state = path.as_posix()
        host.callbacks.stored("onScriptLoad", host.root_core)
        host.callbacks.guarded("OnScriptLoad", host.root_core)
        host.changes.clear()
        host.modified = False

    def read_text(self, text: str) -> None:
        """Nodes of a text into the current group."""
        self._read(text, False)

    def _read(self, text: str, whole: bool) -> list[NodeCore]:
        host = self.host
        host.load_errors.clear()
        host.changes.begin("Read script")
        try:
            cores = scripts.read_text(host, text, host.context_core(), whole)
            # Each node's own after those inside of it, and all after the links are made.
            for core in cores:
                for inner in [*reversed(list(core.everything())), core]:
                    host.callbacks.created(inner)
        finally:
            host.changes.end()
        if host.load_errors:
            raise scripts.ScriptError("; ".join(host.load_errors))
        return cores

    def save(self, filename: Optional[str] = None, *args: Any) -> bool:
        """In its own place, or in another one."""
        return self.save_as(self.script_name() if filename is None else filename, 1)

    def save_as(self, filename: Optional[str] = None, overwrite: Any = -1) -> bool:
        host = self.host
        if not isinstance(filename, str):
            raise TypeError("scriptSaveAs: expected a path")
        path = Path(filename)
        if path.exists() and overwrite in (-1, 0, False) and not host.gui:
            raise RuntimeError(f"{filename} exists already")
        host.root_core.knobs["name"]._state = path.as_posix()
        host.callbacks.stored("onScriptSave", host.root_core)
        host.callbacks.guarded("OnScriptSave", host.root_core)
        path.write_bytes(emission.whole_script(host).encode("utf-8"))
        host.modified = False
        return True

    # Clipboard

    def copy(self, cores: list[NodeCore]) -> str:
        return emission.copied(self.host, cores)

    def node_copy(self, s: str = "%clipboard%") -> None:
        text = self.copy(self.host.graph.selected())
        if s == "%clipboard%":
            self.clipboard = text
        else:
            Path(s).write_bytes(text.encode("utf-8"))

    def node_paste(self, s: str = "%clipboard%") -> Any:
        text = self.clipboard if s == "%clipboard%" else Path(s).read_text(encoding="utf-8")
        found = self.paste(text)
        return found[-1].handle() if found else None

    def paste(self, text: str) -> list[NodeCore]:
        """Into the current group; the first node that wants an input gets what is selected."""
        host = self.host
        chosen = host.graph.selected()
        host.load_errors.clear()
        host.changes.begin("Paste")
        host.pasting = True
        try:
            cores = scripts.read_text(host, text, host.context_core(), False)
            host.dropped_inputs = False
            for core in cores:
                for inner in [*reversed(list(core.everything())), core]:
                    host.callbacks.created(inner)
            if host.dropped_inputs:
                # Asking upstream for channels before the links are made leaves them unmade.
                for core in cores:
                    core.inputs = []
            elif len(chosen) == 1 and cores and not cores[0].inputs and cores[0].can_connect(0, chosen[0]):
                cores[0].connect(0, chosen[0])
            for one in host.context_core().children:
                one.knobs["selected"].setValue(one in cores)
        finally:
            host.pasting = False
            host.changes.end()
        if host.load_errors:
            raise scripts.ScriptError("; ".join(host.load_errors))
        return cores
