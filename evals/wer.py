"""Word error rate: how far a transcript is from what was said."""

import re
from collections.abc import Sequence

from ..tools.text import fold


def wer(references: Sequence[str], heard: Sequence[str]) -> float:
    """Substituted, deleted and inserted words by the words of the references, over all texts; 0 is perfect.

    Case, accents and punctuation do not count, but for apostrophes. Raises ValueError for different numbers of texts,
    and where no reference holds a word.
    """
    from jiwer import process_words

    if len(references) != len(heard):
        raise ValueError(f"{len(references)} references and {len(heard)} transcripts cannot be compared")
    pairs = [(plain(said), plain(got)) for said, got in zip(references, heard, strict=True)]
    spoken = [pair for pair in pairs if pair[0]]
    if not spoken:
        raise ValueError("the references hold no word to compare with")
    found = process_words([said for said, _ in spoken], [got for _, got in spoken])
    extra = sum(len(got.split()) for said, got in pairs if not said)
    errors = found.substitutions + found.deletions + found.insertions + extra
    return errors / (found.hits + found.substitutions + found.deletions)


def plain(text: str) -> str:
    """Folded words with single spaces; "don't" is one word."""
    return fold(re.sub(r"(?<=\w)['’](?=\w)", "", text))
