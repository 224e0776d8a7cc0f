"""What a question asks for, read without a language model: by rules in data files, then by the nearest description."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from ..index.search import LONGEST
from ..index.terms import words
from ..tools.embed import Embedder
from ..tools.errors import UsageError
from ..tools.text import has_cjk, line
from .times import Window, window

_NEAREST = 0.35  # cosine to a description below which a question is a plain "what"


@dataclass(frozen=True)
class Rules:
    """One rules file: patterns, descriptions, stop words and the sentences that frame a quote."""

    language: str
    stop: frozenset[str]
    speakers: frozenset[str]
    wholes: frozenset[str]
    yes_or_no: str  # pattern of a question that wants no more
    types: tuple[Mapping[str, Any], ...]
    frames: Mapping[str, str]
    kinds: Mapping[str, str]
    places: Mapping[str, str]
    ordinals: Mapping[int, str]
    colours: Mapping[str, frozenset[str]]
    shapes: tuple[tuple[str, str], ...]  # what is asked for, what such a text looks like: two patterns

    def wanted(self, type: str) -> tuple[str, ...]:
        """Kinds that questions of this type need; empty where any kind may answer."""
        return next((tuple(t.get("kinds", ())) for t in self.types if t["name"] == type), ())


@dataclass(frozen=True)
class Question:
    """`terms` are the words that carry the meaning; `ordinal` is 1 for the first, -1 for the last, 0 for none."""

    text: str
    rules: Rules
    type: str
    terms: tuple[str, ...]
    window: Window | None
    places: frozenset[str]
    ordinal: int
    colours: frozenset[str]
    shape: str | None  # pattern of the text that is asked for


@cache
def rules(language: str) -> Rules:
    file = resources.files(__package__) / "rules" / f"{language}.toml"
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return Rules(
        language=data["language"],
        stop=frozenset(data["stop"].split()),
        speakers=frozenset(data["speakers"].split()),
        wholes=frozenset(data["wholes"].split()),
        yes_or_no=data["yes_or_no"],
        types=tuple(data["type"]),
        frames=data["frames"],
        kinds=data["kinds"],
        places=data["places"],
        ordinals={int(number): pattern for number, pattern in data["ordinals"].items()},
        colours={name: frozenset(w.split()) for name, w in data["colours"].items()},
        shapes=tuple((shape["asked"], shape["looks"]) for shape in data["shape"]),
    )


def read(text: str, embedder: Embedder | None) -> Question:
    """Reads a question. Raises UsageError where there is none, or one that is longer than a search reads."""
    if len(text) > LONGEST:
        raise UsageError(f"the question has {len(text)} characters, at most {LONGEST} are read; ask a shorter one")
    text = line(text)
    if not any(c.isalnum() for c in text):
        raise UsageError("the question is empty; ask something, for example: what is said about the budget?")
    book = rules("zh" if has_cjk(text) else "en")
    limits, rest = window(text)
    low = rest.casefold()
    return Question(
        text=text,
        rules=book,
        type=_type(text, low, book, embedder),
        terms=_terms(rest, book),
        window=limits,
        places=frozenset(name for name, pattern in book.places.items() if re.search(pattern, low)),
        ordinal=next((n for n, pattern in book.ordinals.items() if re.search(pattern, low)), 0),
        colours=frozenset(
            name for name, names in book.colours.items() if any(_has_word(low, name, book) for name in names)
        ),
        shape=next((looks for asked, looks in book.shapes if re.search(asked, low)), None),
    )


def _has_word(text: str, word: str, book: Rules) -> bool:
    return word in text if book.language == "zh" else re.search(rf"\b{re.escape(word)}\b", text) is not None


def _type(text: str, low: str, book: Rules, embedder: Embedder | None) -> str:
    for kind in book.types:
        if any(re.search(pattern, low) for pattern in kind["patterns"]):
            return str(kind["name"])
    if embedder is None or not embedder.understands(text):
        return "what"
    pairs = [(str(kind["name"]), described) for kind in book.types for described in kind["describe"]]
    scores = [float(np.vecdot(embedder.query(described), embedder.query(text))) for _, described in pairs]
    best = int(np.argmax(scores))
    return pairs[best][0] if scores[best] >= _NEAREST else "what"


def _terms(text: str, book: Rules) -> tuple[str, ...]:
    low = text.casefold()
    if book.language == "zh":  # stop words are cut out of the run of characters before it is cut into bigrams
        for word in sorted(book.stop, key=len, reverse=True):
            low = low.replace(word, " ")
        return tuple(dict.fromkeys(words(low)))
    found = [w for w in words(low) if w not in book.stop]
    return tuple(dict.fromkeys(found))
