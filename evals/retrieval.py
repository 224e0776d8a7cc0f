"""Retrieval by time: from a question to the right rows of its timeline, beside plain BM25 over single rows.

reelcue forms segments of the rows, searches them, and orders the rows of what it found by the score of their segment
and their own score as a quote, as an answer would. Each question is asked within its own timeline. The row ranking is
scored: hit@1, hit@5 and the mean reciprocal rank (MRR) of the first right row.

BM25 is that of Lucene (k1 1.5, b 0.75, English stop words, Snowball stemmer) by the package bm25s. Intervals are those
of a paired bootstrap over timelines (Efron and Tibshirani 1993, chapter 13), since questions of one hang together.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..agent import question as questions
from ..agent.quotes import Quote, scored
from ..index.library import Library
from ..index.rows import Row
from ..index.scope import Scope
from ..tools.embed import Embedder
from ..tools.errors import ToolUnavailable
from .corpora import Asked, Corpus, Talk, read

SEGMENT = 0.5  # of a segment's score beside that of a row in it
ROUNDS = 2000  # of the bootstrap
EVERY = 200  # questions between two messages

OnEvent = Callable[[str], None]
Rank = Callable[[Talk], Callable[[str], Sequence[int]]]  # from a timeline to a ranking of its rows for a question


@dataclass(frozen=True, slots=True)
class Ranks:
    """What the ranks of the first right rows come to."""

    hit1: float
    hit5: float
    mrr: float

    @classmethod
    def over(cls, ranks: Sequence[int]) -> Self:
        return cls(
            fmean(rank == 1 for rank in ranks), fmean(rank <= 5 for rank in ranks), fmean(1 / rank for rank in ranks)
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One corpus. `gain` is the difference of MRR, `low` and `high` its 95 % interval; `relative` is it over BM25's."""

    file: str
    timelines: int
    questions: int
    left_out: Mapping[str, int]
    bm25: Ranks
    ours: Ranks
    gain: float
    low: float
    high: float
    relative: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(paths: Sequence[Path], on_event: OnEvent = lambda said: None) -> Iterator[Result]:
    """A result for each file. Nothing stays on the disk.

    Raises UsageError for a file that is no such corpus, ToolUnavailable without bm25s or the sentence model.
    """
    for corpus in [read(path) for path in paths]:
        on_event(f"{corpus.path.name}: BM25 over {corpus.questions} questions")
        plain = _ranks(corpus, _bm25(), lambda n: None)
        with TemporaryDirectory(prefix="reelcue-eval-") as folder, Library(Path(folder) / "library", ()) as lib:
            on_event(f"{corpus.path.name}: indexing {len(corpus.talks)} timelines")
            ours = _ranks(corpus, _reelcue(lib, Path(folder), corpus), _teller(corpus, on_event))
        yield _result(corpus, plain, ours)


def _ranks(corpus: Corpus, rank: Rank, on_question: Callable[[int], None]) -> list[list[int]]:
    """By timeline and question, the rank of the first right row."""
    found, count = [], 0
    for talk in corpus.talks:
        ranked = rank(talk) if talk.asked else None
        found.append([_first(ranked(one.question), one) for one in talk.asked if ranked])
        count += len(talk.asked)
        on_question(count)
    return found


def _first(order: Sequence[int], one: Asked) -> int:
    return next(rank for rank, row in enumerate(order, 1) if row in one.right)


def _teller(corpus: Corpus, on_event: OnEvent) -> Callable[[int], None]:
    told = 0

    def tell(count: int) -> None:
        nonlocal told
        if count - told >= EVERY:
            told = count
            on_event(f"{corpus.path.name}: {count} of {corpus.questions} questions")

    return tell


def _result(corpus: Corpus, plain: list[list[int]], ours: list[list[int]]) -> Result:
    totals = [Ranks.over([rank for ranks in found for rank in ranks]) for found in (plain, ours)]
    gain = totals[1].mrr - totals[0].mrr
    low, high = _interval(plain, ours)
    about = (str(corpus.path), len(corpus.talks), corpus.questions, corpus.left_out)
    return Result(*about, totals[0], totals[1], gain, low, high, gain / totals[0].mrr)


def _interval(plain: list[list[int]], ours: list[list[int]]) -> tuple[float, float]:
    """95 % of the differences of MRR, timelines drawn with replacement."""
    pairs = [
        (sum(1 / b - 1 / a for a, b in zip(one, other, strict=True)), len(one))
        for one, other in zip(plain, ours, strict=True)
        if one
    ]
    sums, sizes = np.array(pairs).T  # (timelines,)
    drawn = np.random.default_rng(0).integers(0, len(pairs), (ROUNDS, len(pairs)))
    differences = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


# Systems


def _bm25() -> Rank:
    try:
        import bm25s
        import Stemmer
    except ImportError as error:
        raise ToolUnavailable(f"{error.name} is missing: pip install 'reelcue[eval]'") from error
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: Sequence[str]) -> list[list[str]]:
        made: list[list[str]] = bm25s.tokenize(
            list(texts), stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
        )
        return made

    def rank(talk: Talk) -> Callable[[str], Sequence[int]]:
        index, rows = bm25s.BM25(), tokens([one.text for one in talk.lines])
        if any(rows):
            index.index(rows, show_progress=False)

        def ranked(question: str) -> Sequence[int]:
            words = tokens([question])[0]
            scores = index.get_scores(words) if words and any(rows) else np.zeros(len(talk.lines))
            order: list[int] = np.argsort(-scores, kind="stable").tolist()
            return order

        return ranked

    return rank


class _Remembering:
    """An embedder that embeds each row once, however many questions are asked of it."""

    def __init__(self, embedder: Embedder) -> None:
        self.query, self.knows, self.understands = embedder.query, embedder.knows, embedder.understands
        self._embedder, self._known = embedder, dict[str, Any]()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._embedder(new), strict=True))
        return np.array([self._known[text] for text in texts])


def _reelcue(lib: Library, folder: Path, corpus: Corpus) -> Rank:
    if lib.embedder is None:
        raise ToolUnavailable(str(lib.problem))
    remembering: Any = _Remembering(lib.embedder)
    ids = _added(lib, folder / "timelines.jsonl", corpus)

    def rank(talk: Talk) -> Callable[[str], Sequence[int]]:
        video = ids[talk.name]
        rows = {row.n: row for row in lib.rows(video)}

        def ranked(question: str) -> Sequence[int]:
            asked, scores = questions.read(question[:1000], lib.embedder), dict[int, float]()
            for hit in lib.search(asked.text, scope=Scope((video,)), k=len(rows)):
                quotes = [Quote(hit.segment, (rows[n],)) for n in hit.segment.observations]
                for quote in scored(quotes, asked, remembering):
                    scores[_place(quote.rows[0])] = quote.score + SEGMENT * hit.score
            return sorted(range(len(talk.lines)), key=lambda n: -scores.get(n, 0.0))

        return ranked

    return rank


def _added(lib: Library, path: Path, corpus: Corpus) -> dict[str, str]:
    """Adds the timelines; the id of each by its name. Every row remembers its place."""
    with path.open("w", encoding="utf-8") as file:
        for talk in corpus.talks:
            for n, one in enumerate(talk.lines):
                data = {"place": n, **({"speaker": one.speaker} if one.speaker else {})}
                row = {"video": talk.name, "kind": "speech", "unit": "seconds" if talk.timed else "index"}
                times = {"start": one.span.start, "end": one.span.end}
                file.write(json.dumps({**row, **times, "text": one.text, "data": data}) + "\n")
    return {added.name: added.video or "" for added in lib.add([path])}


def _place(row: Row) -> int:
    return int(row.data["place"])
