"""Parts of the timeline that can stand as an answer: sentences of speech, lines of text, with their scores."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..index.rows import Row, Segment
from ..index.terms import stem, stems, words
from ..tools.base import Span
from ..tools.embed import Embedder
from ..tools.text import has_cjk
from .question import Question

LONGEST = 600  # words that are compared by meaning for one answer: about 50 ms
WORDS_WEIGHT = 0.6  # of words beside meaning (cosine) in a score
DOUBTED = 0.3  # confidence of a word of a rough transcript below which it is not quoted
_SENTENCE_WORDS = 45
_READ = 190  # words of a text that the sentence model reads at most
_GAP = 2.0  # seconds of silence that end a sentence
_END = re.compile(r"[.?!。！？…][\"'”’)]*$")


@dataclass(frozen=True, slots=True)
class Quote:
    """Neighbouring rows of one segment. `score` is 0..1 and absolute; coverage is the share of the question's words."""

    segment: Segment
    rows: tuple[Row, ...]
    score: float = 0.0
    coverage: float = 0.0

    @property
    def span(self) -> Span:
        return Span(min(r.span.start for r in self.rows), max(r.span.end for r in self.rows))

    @property
    def text(self) -> str:
        return " ".join(row.text.strip() for row in self.rows)

    @property
    def said(self) -> str:
        """The text, in a rough transcript with … for words that its recogniser doubts."""
        return " ".join(_masked(row) for row in self.rows) if self.segment.rough else self.text

    @property
    def legible(self) -> bool:
        """Whether at least half of the words can be quoted; only in a rough transcript they may not."""
        doubts = [doubted for row in self.rows for _, doubted in _words(row)] if self.segment.rough else []
        return 2 * sum(doubts) <= len(doubts)

    @property
    def speaker(self) -> str | None:
        return self.rows[0].data.get("speaker")

    @property
    def height(self) -> float:
        """Height of the tallest line, as a share of the picture's."""
        return max(float(row.data.get("height") or 0.0) for row in self.rows)


def sentences(segment: Segment, rows: Sequence[Row]) -> list[Quote]:
    """The rows of a segment of speech joined to sentences; every other row is a quote of its own.

    Those of a rough transcript that cannot be read are left out.
    """
    if segment.kind != "speech":
        return [Quote(segment, (row,)) for row in rows]
    made: list[list[Row]] = []
    for row in rows:
        last = made[-1] if made else None
        if (
            last is None
            or _END.search(last[-1].text.strip())
            or row.span.start - last[-1].span.end > _GAP
            or row.data.get("speaker") not in (None, last[0].data.get("speaker"))
            or sum(_size(r.text) for r in (*last, row)) > _SENTENCE_WORDS
        ):
            made.append([row])
        else:
            last.append(row)
    return [quote for group in made if (quote := Quote(segment, tuple(group))).legible]


def _words(row: Row) -> list[tuple[str, bool]]:
    """The words of a row, and which of them its recogniser doubts."""
    scored = ((text, more[0] if more else None) for _, _, text, *more in row.data.get("words") or ())
    return [(text, score is not None and score < DOUBTED) for text, score in scored]


def _masked(row: Row) -> str:
    text, told, at = row.text.strip(), "", 0
    for word, doubted in _words(row):
        found = text.find(word, at)
        if found >= 0:
            told += text[at:found] + ("…" if doubted else word)
            at = found + len(word)
    return re.sub(r"…(\s*…)+", "…", told + text[at:])


def _size(text: str) -> int:
    return len(text) // 2 if has_cjk(text) else len(text.split())


def scored(quotes: Iterable[Quote], question: Question, embedder: Embedder | None) -> list[Quote]:
    """The quotes with their scores, best first. score = (cosine + w coverage) / (1 + w)."""
    quotes, covered = _shortlist([(quote, coverage(quote, question)) for quote in quotes])
    if not quotes:
        return []
    found = list(covered)
    knows = embedder is not None and embedder.understands(question.text)
    at = [i for i, quote in enumerate(quotes) if embedder and knows and embedder.knows(quote.segment.language)]
    if embedder and at:
        vectors = embedder([quotes[i].text for i in at])
        cosine = np.maximum(np.vecdot(vectors, embedder.query(question.text)), 0)  # (quotes that it knows,)
        for i, c in zip(at, map(float, cosine), strict=True):
            found[i] = (c + WORDS_WEIGHT * covered[i]) / (1 + WORDS_WEIGHT)
    made = [replace(q, score=min(1.0, s), coverage=c) for q, s, c in zip(quotes, found, covered, strict=True)]
    return sorted(made, key=lambda quote: (-quote.score, quote.span))


def _shortlist(pairs: Sequence[tuple[Quote, float]]) -> tuple[list[Quote], list[float]]:
    """As many as can be compared by meaning: those with most of the question's words, then the tallest, in order.

    A word of a transcript costs about as much as a whole line of a slide, so it is words that are counted.
    """
    left = LONGEST
    chosen: set[int] = set()
    for i in sorted(range(len(pairs)), key=lambda i: (-pairs[i][1], -pairs[i][0].height, i)):
        left -= 4 + min(_size(pairs[i][0].text), _READ)
        if left < 0 and chosen:
            break
        chosen.add(i)
    return [pairs[i][0] for i in sorted(chosen)], [pairs[i][1] for i in sorted(chosen)]


def coverage(quote: Quote, question: Question) -> float:
    """Share of the question's words that stand in the quote or in its speaker's name; 0 for a question without any."""
    if not question.terms:
        return 0.0
    said = words(f"{quote.text} {quote.speaker or ''}")
    if quote.segment.rough:  # "clean rooms" may be "cleanrooms"
        said = [*said, *map("".join, pairwise(said))]
    known = stems(said)
    if quote.segment.kind == "speech":  # "the narrator" is whoever speaks
        known |= stems(question.rules.speakers)
    return sum(stem(term) in known for term in question.terms) / len(question.terms)


def titles(quotes: Sequence[Quote]) -> list[Quote]:
    """The heading of each screen of text in order of time: its tallest line in the upper half, if it stands out.

    A heading that goes on over several screens is listed once.
    """
    screens: dict[int, list[Quote]] = {}
    for quote in quotes:
        screens.setdefault(quote.segment.n, []).append(quote)
    found: list[Quote] = []
    for screen in sorted(screens.values(), key=lambda lines: lines[0].segment.span):
        top = max(screen, key=lambda line: (round(line.height, 2), -_top(line)))
        if len(screen) > 2:
            upper = [line for line in screen if _top(line) <= np.median([_top(other) for other in screen])]
            top = max(upper, key=lambda line: (round(line.height, 2), -_top(line)))
        if not found or found[-1].text != top.text:
            found.append(top)
    return found


def _top(quote: Quote) -> float:
    boxes = quote.rows[0].data.get("boxes") or [[0, 0, 0, 0]]
    return float(boxes[0][1])
