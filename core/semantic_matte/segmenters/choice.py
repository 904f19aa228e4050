"""Which names an artist asks for, checked against what a segmenter knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semantic_matte.errors import UnknownNameError


def resolve_names(
    asked: Sequence[str], known: Sequence[str], aliases: Mapping[str, str]
) -> frozenset[str] | None:
    """The labels to keep, or None for all of them.

    Case, underscores and a plural "s" make no difference. Raises UnknownNameError with the closest names.
    """
    if not asked:
        return None
    by_key = {_key(name): name for name in known}
    by_key |= {_key(alias): name for alias, name in aliases.items() if name in known}
    kept = set()
    for name in asked:
        key = _key(name)
        found = by_key.get(key) or (by_key.get(key[:-1]) if key.endswith("s") else None)
        if found is None:
            raise UnknownNameError("object name", name, known)
        kept.add(found)
    return frozenset(kept)


def _key(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
