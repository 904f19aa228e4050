"""Steps that the conversions of weights share: checked sources, naming, reproducible files."""

import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

_LENGTH_BYTES = 8


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_sha256(path: Path, expected: str) -> None:
    """Stop with a message unless the file's SHA-256 is the expected one."""
    actual = sha256_of(path)
    if actual != expected:
        raise SystemExit(f"{path.name}: expected SHA-256 {expected}, got {actual}")


def name_in_execution_order(network: nn.Module, convolutions: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Name each (weight, bias) after the network's convolution that runs at its turn.

    The state dictionary is loaded into ``network``, which raises RuntimeError if shapes differ.
    """
    turns: list[str] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *_, name=name: turns.append(name))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 32, 32))
    tensors = {}
    for name, (weight, bias) in zip(turns, convolutions, strict=True):
        tensors[f"{name}.weight"] = weight
        tensors[f"{name}.bias"] = bias
    network.load_state_dict(tensors)
    return tensors


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and header metadata; equal arguments give equal bytes.

    The library writes metadata in the random order of a hash map, so the header is written anew
    with sorted keys. Offsets count from the header's end and stay valid.
    """
    serialised = save(tensors)
    length = int.from_bytes(serialised[:_LENGTH_BYTES], "little")
    header = json.loads(serialised[_LENGTH_BYTES : _LENGTH_BYTES + length])
    header["__metadata__"] = metadata
    encoded = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    # The format aligns tensors to 8 bytes by trailing spaces.
    encoded += b" " * (-len(encoded) % _LENGTH_BYTES)
    payload = serialised[_LENGTH_BYTES + length :]
    path.write_bytes(len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded + payload)


def replace_row(manifest: Path, name: str, row: str) -> None:
    """Put a model's row, YAML text that begins with `  name:`, in place of its older one or at the end."""
    text = manifest.read_text(encoding="utf-8")
    older = re.search(rf"^  {name}:\n(    .*\n)+", text, flags=re.MULTILINE)
    if older is None:
        text += row
    else:
        text = text[: older.start()] + row + text[older.end() :]
    manifest.write_text(text, encoding="utf-8")
