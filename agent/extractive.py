"""Answers without a language model: reads the question by rules, finds rows, and quotes them. The quote is the answer.

It never writes a fact of its own: a frame sentence from the rules file holds the time, the speaker and the quoted row.
Where nothing fits it says so, what was searched, and which kinds of observation are missing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ..index.mentions import Mention
from ..index.rows import Row
from ..index.terms import stems, words
from ..tools.base import KINDS
from ..tools.embed import Embedder
from ..tools.text import fold, has_cjk
from .actions import Actions, diverse
from .answer import clock
from .question import Question
from .quotes import Quote, scored, sentences, titles
from .verify import NUMBER_WORDS

MOST = 3  # quoted sentences in an answer
MOST_VIDEOS = 10  # videos that are named where it is asked which
STRONG = 0.5  # limits of the band on a quote's score
WEAK = 0.36
NEAR_BEST = 0.85  # a further quote must come this close to the best
HINT = 0.08  # the least score of one line among many that nothing but its score speaks for
NEAR_HINT = 0.6  # and how close it must come to the best of them
FEW = 6  # lines in the picture that are few enough to show the first of them whatever they score
MANY = 500  # screens of text, or passages, above which only those that a search finds are looked at
HITS = 8
TOLD = tuple(kind for kind in KINDS if kind not in ("text", "shot", "quality"))  # kinds that tell what goes on
_NUMBER = re.compile(rf"\d|\b(?:{'|'.join(sorted(NUMBER_WORDS - {'one'}))})\b|[一二三四五六七八九十百千万]")
_WHO = re.compile(r"\bwho\b|speaker|people|谁|人|讲者", re.IGNORECASE)
_SLIDE = re.compile(r"slide|heading|幻灯片|页", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][a-z’'-]+(?:\s+[A-Z][\w’'-]*)+|\b[A-Z]\.\s*[A-Z][a-z]+")


class Extractive:
    """Finds the quotes that answer one question. `kinds` are those that were looked for in the videos."""

    def __init__(self, question: Question, actions: Actions, embedder: Embedder | None, kinds: frozenset[str]) -> None:
        self.question, self.actions, self._embedder, self._kinds = question, actions, embedder, kinds
        self._moments: dict[str, list[Mention]] = {}  # all that was counted, by video

    def quotes(self) -> list[Quote]:
        """The quotes to answer with, best first; none where the timeline does not hold the answer."""
        strategies: Mapping[str, Callable[[], list[Quote]]] = {
            "summary": self._summary,
            "list": self._list,
            "title": self._title,
            "written": self._written,
            "when": self._when,
            "which": self._which,
            "often": self._often,
        }
        found = strategies.get(self.question.type, self._looked_up)()
        return found[: MOST_VIDEOS if self.question.type == "which" else MOST]

    def counted(self, quotes: Sequence[Quote]) -> str | None:
        """The sentence that says how many there are, where all were counted; it rests on the quotes that follow."""
        if not self._moments or not quotes:
            return None
        frames, n = self.question.rules.frames, sum(map(len, self._moments.values()))
        words = " ".join(self.question.terms)
        self.actions.counted.add(str(len(quotes)))
        if self.question.type == "often":
            told = frames["often"].format(n=n, words=words)
        else:
            told = frames["which"].format(n=len(self._moments), total=len(self.actions.videos), words=words)
        of = n if self.question.type == "often" else len(self._moments)
        return told if len(quotes) == of else f"{told} {frames['shown'].format(n=len(quotes))}"

    def missing(self) -> tuple[str, ...]:
        """Kinds that a question of this type needs and that were never looked for."""
        wanted = self.question.rules.wanted(self.question.type) or ("speech", "caption")
        return tuple(kind for kind in wanted if kind not in self._kinds)

    def frame(self, quote: Quote) -> str:
        """The sentence that presents a quote, in the question's language."""
        frames = self.question.rules.frames
        if quote.segment.kind == "speech":
            name = "rough" if quote.segment.rough else "said" if quote.speaker else "heard"
        else:
            name = "written" if quote.segment.kind == "text" else "seen"
        if self.question.type == "when" and f"when_{name}" in frames:
            name = f"when_{name}"
        timed = self.actions.videos[quote.segment.video].unit == "seconds"
        at = clock(quote.span.start) if timed else f"#{quote.span.start:g}"
        return frames[name].format(at=at, speaker=quote.speaker, quote=quote.said)

    # Strategies

    def _looked_up(self) -> list[Quote]:
        wanted = self.question.rules.wanted(self.question.type)
        if self.question.type == "look":
            wanted = tuple(kind for kind in wanted if kind in self._kinds)
            if not wanted:
                return []
        if not self.question.terms:  # a question that is only a time ("what is said after 1:20?") is a row look-up
            if not self.actions.within:
                return self._summary() if self.question.type == "said" else []
            told = self._told(wanted or TOLD)
            return [replace(quote, score=1.0, coverage=1.0) for quote in told]
        found = scored(self._candidates(wanted or None), self.question, self._embedder)
        fitting = [self._hedged(quote) for quote in found if self._fits(quote)]
        return [quote for quote in fitting if quote.score >= fitting[0].score * NEAR_BEST]

    def _when(self) -> list[Quote]:
        if not self.question.terms:
            return []
        rows = (Quote(quote.segment, (row,)) for quote in self._candidates(None) for row in quote.rows)
        found = scored((quote for quote in rows if quote.legible), self.question, self._embedder)
        best = [quote for quote in found if quote.coverage > 0.99]
        best = best or [replace(quote, score=STRONG - 0.01) for quote in found if quote.score >= STRONG]
        return sorted(best[:MOST], key=lambda quote: (-round(quote.coverage, 2), quote.span))[:1]

    def _written(self) -> list[Quote]:
        question = self.question
        lines = [line for line in self._text_lines() if _readable(line)]
        chosen = [q for q in lines if self._on_screen(q, lines)]
        if question.places or question.colours:
            chosen = [q for q in chosen if self._placed(q)] or chosen
        found = scored(chosen, question, self._embedder)
        if question.shape:  # of what has the right shape, the tallest: its meaning says little (a file's name)
            fitting = [q for q in found if re.search(question.shape, q.text)]
            return _distinct(sorted(fitting, key=lambda quote: -quote.height))
        found = _distinct(_prominent_first(found))
        if len(found) < len(_distinct(lines)) or len(found) <= FEW:
            return found
        best = max((quote.score for quote in found), default=0.0)
        return [quote for quote in found if quote.score >= max(HINT, best * NEAR_HINT)]

    def _title(self) -> list[Quote]:
        lines = [line for line in self._text_lines() if _readable(line)]
        heads = titles(lines)
        slides = [head for head in heads if sum(line.segment.n == head.segment.n for line in lines) > 2]
        if _SLIDE.search(self.question.text) and slides:
            heads = slides
        if self.question.ordinal:
            return [replace(head, score=STRONG) for head in heads if self._on_screen(head, heads)]
        return _distinct(sorted(heads, key=lambda q: q.span.seconds if heads is slides else q.height, reverse=True))

    def _list(self) -> list[Quote]:
        if _WHO.search(self.question.text):
            first = {quote.speaker: quote for quote in reversed(self._told(("speech",))) if quote.speaker}
            return [replace(quote, score=1.0) for quote in reversed(first.values())]
        return titles(self._text_lines()) or self._summary()

    def _which(self) -> list[Quote]:
        """A moment of each video that holds all words of the question, most moments first; else the best by meaning."""
        self._moments = self.actions.count(" ".join(self.question.terms))
        most = sorted(self._moments.values(), key=len, reverse=True)
        if most:
            return [Quote(one[0].segment, one[0].rows, 1.0, 1.0) for one in most]
        best: dict[str, Quote] = {}
        for quote in self._looked_up():
            best.setdefault(quote.segment.video, quote)
        return list(best.values())

    def _often(self) -> list[Quote]:
        self._moments = self.actions.count(" ".join(self.question.terms))
        every = (mention for moments in self._moments.values() for mention in moments)
        return [Quote(one.segment, one.rows, 1.0, 1.0) for one in every]

    def _summary(self) -> list[Quote]:
        """A sentence of each of the most central passages, in order of time; headings where nothing is told."""
        if set(self.question.terms) - self.question.rules.wholes:  # a summary of one topic
            return sorted(self._looked_up()[:MOST], key=lambda quote: quote.span)
        passages: dict[int, list[Quote]] = {}
        for quote in self._told(TOLD):
            if len(quote.text.split()) > 4 or has_cjk(quote.text):
                passages.setdefault(quote.segment.n, []).append(quote)
        if not passages:
            return titles(self._text_lines())
        chosen = _spread(list(passages), self.actions.vectors(list(passages)))
        rest = MOST - len(chosen)  # a video of one or two passages gives more than one sentence of each
        quotes = [quote for n in chosen for quote in passages[n][: 1 + rest]]
        return sorted(quotes[:MOST], key=lambda quote: quote.span)

    # Parts

    def _candidates(self, kinds: Sequence[str] | None) -> list[Quote]:
        """What a search for the question finds, cut into sentences and lines."""
        hits = self.actions.search(self.question.text, kinds, HITS)
        if not hits:  # the words that only ask outweighed those that carry the meaning
            hits = self.actions.search(" ".join(self.question.terms), kinds, HITS)
        return [quote for hit in hits for quote in sentences(hit, self.actions.rows_of(hit))]

    def _told(self, kinds: Sequence[str]) -> list[Quote]:
        """All that is told in the window, by video and time; of very many passages, those of a few central videos."""
        videos = self.actions.central(MOST) if self.actions.many(kinds, 10 * MANY) else None
        rows = groupby(self.actions.timeline(kinds, videos), key=lambda pair: pair[0])
        return [quote for segment, pairs in rows for quote in sentences(segment, [row for _, row in pairs])]

    def _text_lines(self) -> list[Quote]:
        """Every line of text in the picture, by video and time; of very many, those that a search finds."""
        if self.actions.many(["text"], MANY):
            return sorted(self._candidates(["text"]), key=lambda quote: (quote.segment.n, quote.span))
        return [Quote(segment, (row,)) for segment, row in self.actions.timeline(["text"])]

    def _on_screen(self, quote: Quote, among: Sequence[Quote]) -> bool:
        """Whether a quote is on the first, second or last screen of those, if the question asks for one of them."""
        place = self.question.ordinal - 1 if self.question.ordinal > 0 else self.question.ordinal
        screens = list(dict.fromkeys(other.segment.n for other in among))
        return not self.question.ordinal or (
            -len(screens) <= place < len(screens) and quote.segment.n == screens[place]
        )

    def _placed(self, quote: Quote) -> bool:
        row = quote.rows[0]
        video = self.actions.videos[quote.segment.video]
        coloured = {*row.data.get("ink", {}), row.data.get("paper")} & self.question.colours
        return _in_places(row, self.question.places, video.facts) and (not self.question.colours or bool(coloured))

    def _fits(self, quote: Quote) -> bool:
        """Whether a quote can be the sort of answer that the question asks for."""
        if quote.score < WEAK:
            return False
        if not stems(words(quote.text)) - stems(words(self.question.text)):  # it says only what the question says
            return self.question.type == "said"
        if self.question.type == "count":
            return quote.coverage >= 0.6 and _NUMBER.search(quote.text.casefold()) is not None
        if self.question.type == "who":
            asked = stems(self.question.terms)  # "Who made Big Buck Bunny?": that name is not the answer
            names = (stems(words(name[0])) for name in _NAME.finditer(quote.text))
            return quote.coverage >= 0.6 and (bool(quote.speaker) or any(name - asked for name in names))
        return quote.coverage >= 0.5 or quote.score >= STRONG

    def _hedged(self, quote: Quote) -> Quote:
        """A question for yes or no whose every word does not stand in the quote has no strong answer."""
        if quote.coverage > 0.99 or not re.match(self.question.rules.yes_or_no, self.question.text, re.IGNORECASE):
            return quote
        return replace(quote, score=min(quote.score, STRONG - 0.01))


def band(quotes: Sequence[Quote]) -> str:
    """strong, weak or none, by the best quote; what was roughly heard is never strong."""
    if not quotes:
        return "none"
    return "strong" if any(quote.score >= STRONG and not quote.segment.rough for quote in quotes) else "weak"


def _readable(quote: Quote) -> bool:
    """Whether a line is more than a stray sign: a single letter read off a thing is mostly no letter."""
    return sum(c.isalnum() for c in quote.text) > 1


def _distinct(quotes: Sequence[Quote]) -> list[Quote]:
    """Each text once, where it first comes in the list."""
    return list({fold(quote.text): quote for quote in reversed(quotes)}.values())[::-1]


def _prominent_first(found: Sequence[Quote]) -> list[Quote]:
    tallest = max((quote.height for quote in found), default=0.0) or 1.0
    return sorted(found, key=lambda quote: -(quote.score + 0.15 * quote.height / tallest))


def _in_places(row: Row, places: frozenset[str], facts: Mapping[str, object]) -> bool:
    """Whether the middle of a line lies in every named part of the picture."""
    boxes, width, height = row.data.get("boxes"), facts.get("width"), facts.get("height")
    if not boxes or not isinstance(width, int) or not isinstance(height, int) or not width or not height:
        return not places
    x = (boxes[0][0] + boxes[0][2] / 2) / width
    y = (boxes[0][1] + boxes[0][3] / 2) / height
    inside = {"top": y < 0.2, "bottom": y > 0.85, "left": x < 0.4, "right": x > 0.6, "upper": y < 0.4, "lower": y > 0.6}
    return all(inside[place] for place in places)


def _spread(numbers: Sequence[int], vectors: NDArray[np.float32] | None) -> list[int]:
    """Up to MOST segments that are central and unlike each other; without vectors they are spread evenly."""
    if vectors is None or len(numbers) <= MOST:
        return list(numbers[:: 1 + (len(numbers) - 1) // MOST])
    return [numbers[i] for i in diverse(vectors, MOST)]
