"""What an artist asks for with `find`, checked against what a segmenter knows.

A wish is a name, a group of names (COCO's supercategories), or nothing for any, and selectors after colons:
`person`, `animal:largest`, `car:in(0,0,960,540):left`, `:at(320,240)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from semantic_matte.errors import SettingsError, UnknownNameError
from semantic_matte.segmenters.coco import ALIASES, SUPERCATEGORIES
from semantic_matte.segmenters.selectors import Selector, parse_selector, split_terms
from semantic_matte.settings import Settings
from semantic_matte.types import Instance


@dataclass(frozen=True)
class Wish:
    """One entry of `find`. text: its name as typed. labels: what it stands for; None: any."""

    text: str
    labels: frozenset[str] | None
    selectors: tuple[Selector, ...]

    def select(self, instances: Sequence[Instance]) -> list[Instance]:
        """Those of the instances (surest first) that are meant."""
        kept = [one for one in instances if self.labels is None or one.label in self.labels]
        for selector in self.selectors:
            kept = selector(kept)
        return kept


@dataclass(frozen=True)
class Wanted:
    """Which labels a segmenter has to keep, how sure it has to be of each, and which of them are meant."""

    wishes: tuple[Wish, ...]
    confidence: float
    label_confidence: Mapping[str, float]

    @classmethod
    def of(cls, settings: Settings, known: Sequence[str]) -> Wanted:
        """Read `find` and `label_confidence`.

        known: every name that the segmenter can give; empty: it takes any name, as it is typed. Raises
        UnknownNameError with the closest names, SettingsError for a selector or threshold that is none.
        """
        wishes = tuple(_wish(term, known) for term in settings.find)
        return cls(wishes, settings.confidence, _thresholds(settings.label_confidence, known))

    @property
    def labels(self) -> frozenset[str] | None:
        """Every label that some wish names; None where any label may be wanted."""
        if not self.wishes or any(wish.labels is None for wish in self.wishes):
            return None
        return frozenset().union(*(wish.labels or () for wish in self.wishes))

    @property
    def names(self) -> tuple[str, ...]:
        """The names as typed, for a segmenter that takes any words; each once."""
        return tuple(dict.fromkeys(wish.text for wish in self.wishes if wish.text))

    @property
    def selects(self) -> bool:
        """Whether some wish has selectors: then a segmenter must not cut its list short by itself."""
        return any(wish.selectors for wish in self.wishes)

    @property
    def least_confidence(self) -> float:
        """The lowest threshold of any label."""
        return min([self.confidence, *self.label_confidence.values()])

    def threshold(self, label: str) -> float:
        """The score in [0, 1] that an object of this name has to reach; infinity if it is not wanted."""
        labels = self.labels
        if labels is not None and label not in labels:
            return float("inf")
        return self.label_confidence.get(label, self.confidence)

    def select(self, instances: Sequence[Instance]) -> list[Instance]:
        """Those that some wish means, in their order."""
        if not self.wishes:
            return list(instances)
        meant = {id(one) for wish in self.wishes for one in wish.select(instances)}
        return [one for one in instances if id(one) in meant]


def resolve_names(
    asked: Sequence[str],
    known: Sequence[str],
    aliases: Mapping[str, str],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> frozenset[str] | None:
    """The labels to keep, or None for all of them.

    groups: names that stand for several. Case, underscores and a plural "s" make no difference. Raises
    UnknownNameError with the closest names.
    """
    if not asked:
        return None
    # What a segmenter itself calls by a name comes before what the name may stand for.
    meanings = {_key(name): {*members} & {*known} for name, members in (groups or {}).items()}
    meanings |= {_key(alias): {name} for alias, name in aliases.items() if name in known}
    meanings |= {_key(name): {name} for name in known}
    kept: set[str] = set()
    for name in asked:
        key = _key(name)
        found = meanings.get(key) or (meanings.get(key[:-1]) if key.endswith("s") else None)
        if not found:
            raise UnknownNameError("object name", name, known)
        kept |= found
    return frozenset(kept)


def _wish(term: str, known: Sequence[str]) -> Wish:
    name, *selectors = split_terms(term, ":")
    labels = None
    if name:
        found = resolve_names([name], known, ALIASES, SUPERCATEGORIES) if known else None
        labels = found or frozenset([name])
    return Wish(name, labels, tuple(parse_selector(text, term) for text in selectors))


def _thresholds(rows: Sequence[str], known: Sequence[str]) -> dict[str, float]:
    thresholds: dict[str, float] = {}
    for row in rows:
        name, _, number = (part.strip() for part in row.partition("="))
        try:
            least = float(number)
        except ValueError:
            least = -1.0
        if not name or not 0.0 <= least <= 1.0:
            raise SettingsError(
                f"Setting 'label_confidence': expected NAME=NUMBER with a number from 0 to 1, got '{row}'."
            )
        labels = resolve_names([name], known, ALIASES, SUPERCATEGORIES) if known else None
        thresholds |= dict.fromkeys(labels or (name,), least)
    return thresholds


def _key(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
