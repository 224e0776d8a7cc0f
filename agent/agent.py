"""The agent: a question in, steps and checked sentences and at last an answer out."""

import time
from collections.abc import Iterator
from threading import Event as Flag

from ..index.ingest import Cancelled
from ..index.library import Library
from ..index.rows import VideoRow
from ..index.scope import Chosen, Scope
from ..tools.errors import UsageError
from ..tools.languages import language_name
from . import question as questions
from .actions import Actions
from .answer import Answer, Citation, Searched, Sentence, Step, Usage, joined, wall_clock
from .extractive import Extractive, band
from .quotes import Quote
from .verify import faults

_SHADOWS = ("shot", "quality")  # kinds that no answer is made of


class Agent:
    """Answers questions about the videos of a library. Without a model, by quoting (see `extractive`)."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def ask(self, question: str, *, scope: Scope | None = None, cancel: Flag | None = None) -> Answer:
        """The answer that `stream` ends with. Raises UsageError, LibraryError, and Cancelled once `cancel` is set."""
        for event in self.stream(question, scope=scope, cancel=cancel):
            if isinstance(event, Answer):
                return event
        raise AssertionError("a stream ends with an answer")

    def stream(
        self, question: str, *, scope: Scope | None = None, cancel: Flag | None = None
    ) -> Iterator[Step | Sentence | Answer]:
        """Each step twice, when it starts (its rows are None) and when it has ended; each sentence once it is checked;
        then the answer. Raises what `ask` raises."""
        began = time.perf_counter()
        chosen, whole = self._chosen(scope), scope is None or scope.whole
        asked = questions.read(question, self.library.embedder)
        ids = () if whole else tuple(video.id for video in chosen.videos)
        kinds = frozenset(self.library.kinds(*ids) - {*_SHADOWS})
        actions = Actions(self.library, chosen, asked.window, whole)
        finder = Extractive(asked, actions, self.library.embedder, kinds)
        quotes = finder.quotes()
        yield from actions.events
        sentences: list[Sentence] = []
        citations: list[Citation] = []
        kept: list[Quote] = []
        if (count := finder.counted(quotes)) is not None:
            rows = [actions.cite(quote.segment, quote.span, quote.said) for quote in quotes]
            if not faults(count, [row.number for row in rows], actions.evidence, actions.counted):
                sentences.append(Sentence(count, tuple(range(1, len(quotes) + 1)), "ok"))
        for quote in quotes:
            if cancel and cancel.is_set():
                raise Cancelled
            evidence = actions.cite(quote.segment, quote.span, quote.said)
            text = finder.frame(quote)
            if faults(text, [evidence.number], actions.evidence):
                sentences.append(Sentence("", (), "dropped"))
                continue
            if len(chosen.videos) > 1:
                name = actions.videos[quote.segment.video].name
                text = asked.rules.frames["named"].format(name=name, sentence=text)
            kept.append(quote)
            citations.append(_citation(len(citations) + 1, quote, actions.videos[quote.segment.video]))
            sentences.append(Sentence(text, (len(citations),), "ok"))
            yield sentences[-1]
        counted = self.library.store.there(ids or None) - {*_SHADOWS}
        words_only = self.library.words_only(asked.text, scope)
        complete = self.library.completed(*ids)
        searched = Searched(len(chosen.videos), complete, tuple(sorted(kinds)), finder.missing(), words_only)
        yield Answer(
            question=asked.text,
            answer=_told(joined(sentences), finder, band(kept), searched, bool(counted)),
            sentences=tuple(sentences),
            band=band(kept),
            citations=tuple(citations),
            searched=searched,
            steps=tuple(actions.steps),
            usage=Usage(seconds=round(time.perf_counter() - began, 4)),
        )

    def _chosen(self, scope: Scope | None) -> Chosen:
        chosen = self.library.choose(scope or Scope())
        if not chosen.videos:
            if chosen.undated or self.library.videos():
                raise UsageError(f"no video was recorded then; of {chosen.undated} it is not known when they were")
            raise UsageError("the library holds no video yet; add one with: reelcue add FILE")
        return chosen


def _citation(n: int, quote: Quote, video: VideoRow) -> Citation:
    at = wall_clock(video.recorded_at, quote.span.start) if video.unit == "seconds" else None
    segment = quote.segment
    return Citation(n, video.id, video.name, quote.span, at, segment.kind, quote.said, segment.language, segment.rough)


def _told(text: str, finder: Extractive, band: str, searched: Searched, anything: bool) -> str:
    """The answer's text: the sentences, or in their place what was searched and what is missing."""
    rules = finder.question.rules
    frames = rules.frames

    def named(kinds: tuple[str, ...]) -> str:
        return ", ".join(rules.kinds.get(kind, kind) for kind in kinds)

    if band != "none":
        return text
    told = frames["none"].format(kinds=named(searched.kinds)) if anything else frames["nothing"]
    if searched.words_only:
        tongues = ", ".join(map(language_name, searched.words_only))
        told = f"{told} {frames['words_only'].format(languages=tongues)}"
    return f"{told} {frames['missing'].format(kinds=named(searched.missing))}" if searched.missing else told
