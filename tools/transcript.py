"""What a recogniser hears: words with their times."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` in seconds of the video; `score` the recogniser's confidence 0..1, None where it has none."""

    start: float
    end: float
    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Words said in one go. `language` is BCP 47 or None; `rough` says that many of the words will be wrong."""

    words: tuple[Word, ...]
    text: str
    language: str | None
    rough: bool = False
