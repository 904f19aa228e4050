"""What an artist asks for with `find`, checked against what a segmenter knows.

A wish is a name, a group of names (COCO's supercategories), or nothing for any, and selectors after colons:
`person`, `animal:largest`, `car:in(0,0,960,540):left`, `:at(320,240)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from semantic_matte.errors import SettingsError, UnknownNameError
from semantic_matte.ports import Progress
from semantic_matte.segmenters.coco import ALIASES, SUPERCATEGORIES
from semantic_matte.segmenters.selectors import Selector, parse_selector
from semantic_matte.settings import Settings, split_terms
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
    max_instances: int
    # Looked for as well, because `merge` joins them to others.
    parts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings, known: Sequence[str]) -> Wanted:
        """Read `find`, `label_confidence` and `merge`.

        known: every name that the segmenter can give; empty: it takes any name, as it is typed. Raises
        UnknownNameError with the closest names, SettingsError for a selector or threshold that is none.
        """
        wishes = tuple(_wish(term, known) for term in settings.find)
        thresholds = _thresholds(settings.label_confidence, known)
        parts = frozenset().union(*(rest for _, rest in merge_rows(settings, known)))
        return cls(wishes, settings.confidence, thresholds, settings.max_instances, parts)

    @property
    def labels(self) -> frozenset[str] | None:
        """Every label that some wish names, and parts to be merged; None where any label may be wanted."""
        if not self.wishes or any(wish.labels is None for wish in self.wishes):
            return None
        return self.parts.union(*(wish.labels or () for wish in self.wishes))

    @property
    def names(self) -> tuple[str, ...]:
        """The names as typed and the parts to be merged, for a segmenter that takes any words; each once."""
        typed = [wish.text for wish in self.wishes if wish.text]
        return tuple(dict.fromkeys([*typed, *sorted(self.parts)]))

    @property
    def selects(self) -> bool:
        """Whether some wish has selectors."""
        return any(wish.selectors for wish in self.wishes)

    def limit(self, count: int, progress: Progress) -> int:
        """How many of `count` finds, the surest, a segmenter goes on with.

        All of them where selectors or merging choose among them later.
        """
        return count if self.selects or self.parts else within_limit(count, self.max_instances, progress)

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


def within_limit(count: int, most: int, progress: Progress) -> int:
    """At most `most` of `count` finds; what is left out is told."""
    if count > most:
        progress.notice(
            f"{count - most} more objects were found than 'max_instances' ({most}) lets through; the surest "
            "were kept."
        )
    return min(count, most)


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


def merge_rows(settings: Settings, known: Sequence[str]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """For each row of `merge`: labels of the objects that take parts in, and labels of the parts.

    Raises UnknownNameError, or SettingsError for a row that is not `person+handbag+tie` and the like.
    """
    rows = []
    for row in settings.merge:
        names = [name.strip() for name in row.split("+")]
        if len(names) < 2 or not all(names):
            raise SettingsError(
                f"Setting 'merge': expected names joined by '+', as in person+handbag, got '{row}'."
            )
        first, *rest = (_labels_of(name, known) for name in names)
        rows.append((first, frozenset().union(*rest) - first))
    return rows


def _labels_of(name: str, known: Sequence[str]) -> frozenset[str]:
    """What a name stands for; itself, where a segmenter takes any words."""
    found = resolve_names([name], known, ALIASES, SUPERCATEGORIES) if known else None
    return found or frozenset([name])


def _wish(term: str, known: Sequence[str]) -> Wish:
    name, *selectors = split_terms(term, ":")
    labels = _labels_of(name, known) if name else None
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
        thresholds |= dict.fromkeys(_labels_of(name, known), least)
    return thresholds


def _key(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
