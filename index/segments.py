"""Gathers the observations of one run into passages that can be searched.

Speech is cut at about 100 words, at the end of a sentence or a turn, with the speaker's name in the text; text in the
picture is one passage per screen; every other observation is a passage of its own (it is short, and widening it loses
the moment). Each passage has a language: that of its rows, else the one that its text is written in.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ..tools.base import Span
from ..tools.languages import identify, script
from ..tools.text import has_cjk
from .rows import Row, Segment, Word

UNSEARCHED = ("shot", "quality")  # kinds that never become segments
WORDS = 100  # about 40 seconds of talk
PAUSE = 8.0  # seconds of silence that end a passage
_CLEAR, _FEW = 0.9, 3  # share of the passages of a known language, and how many, from which the others take theirs
_SAME = 0.05  # seconds: times closer than this are the same
_ENDS = tuple(".!?…。！？\"'”’)")


def gather(rows: Sequence[Row], shots: Sequence[Span] = (), *, timed: bool = True) -> list[Segment]:
    """Segments of the rows of one run of one tool. `shots` tell one screen of text from the next.

    `timed` is false for a timeline whose unit is an index: nothing is cut by seconds there.
    """
    made: list[Segment] = []
    ordered = sorted(rows, key=lambda r: (r.kind, r.tool, r.span, r.n))
    for (kind, _), of_kind in groupby(ordered, key=lambda r: (r.kind, r.tool)):
        if kind in UNSEARCHED:
            continue
        if kind == "speech":
            groups = _passages(list(of_kind), timed)
        elif kind == "text":
            groups = _screens(list(of_kind), shots)
        else:
            groups = ([row] for row in of_kind)
        made += [_segment(group) for group in groups if any(row.text.strip() for row in group)]
    return _identified(list({segment.id: segment for segment in made}.values()))


def _identified(segments: Sequence[Segment]) -> list[Segment]:
    """With languages; a text too short to tell takes that of nearly all others of its kind in its script."""
    made = [one if one.language else replace(one, language=identify(one.text)) for one in segments]
    if all(one.language for one in made):
        return made
    scripts = [(one.kind, one.tool, script(one.text)) for one in made]
    counts: dict[tuple[str, str, str | None], Counter[str]] = defaultdict(Counter)
    for one, written in zip(made, scripts, strict=True):
        counts[written].update([one.language] if one.language else [])
    clear: dict[tuple[str, str, str | None], str] = {}
    for written, languages in counts.items():
        for language, count in languages.most_common(1):
            if count >= max(_FEW, _CLEAR * languages.total()):
                clear[written] = language
    pairs = zip(made, scripts, strict=True)
    return [one if one.language else replace(one, language=clear.get(written)) for one, written in pairs]


def _passages(rows: list[Row], timed: bool) -> Iterator[list[Row]]:
    for _, of_language in groupby(
        sorted(rows, key=lambda r: (r.data.get("language") or "", r.span, r.n)), key=lambda r: r.data.get("language")
    ):
        group: list[Row] = []
        size = 0
        for row in of_language:
            words = _length(row.text)
            pause = timed and bool(group) and row.span.start - group[-1].span.end > PAUSE
            full = size + words > WORDS and (
                (size > WORDS * 0.6 and _ends(group[-1], row)) or size + words > WORDS * 1.5
            )
            if group and (pause or full):
                yield group
                group, size = [], 0
            group.append(row)
            size += words
        if group:
            yield group


def _ends(last: Row, following: Row) -> bool:
    return last.text.rstrip().endswith(_ENDS) or last.data.get("speaker") != following.data.get("speaker")


def _length(text: str) -> int:
    """Words, or half the characters where the script has no spaces."""
    return len(text) // 2 if has_cjk(text) else len(text.split())


def _screens(rows: list[Row], shots: Sequence[Span]) -> Iterator[list[Row]]:
    """Lines that were first seen on the same screen, in reading order, at most WORDS words together.

    A new screen begins with a shot, and where more than half of the lines that were there go: a line that is added to a
    slide belongs to it, and a header or a logo that stays does not join two slides.
    """
    rows = sorted(rows, key=_reading_order)
    starts = sorted({shot.start for shot in shots} | set(_changes(rows)))
    for _, of_screen in groupby(rows, key=lambda row: bisect_right(starts, row.span.start + _SAME)):
        group: list[Row] = []
        size = 0
        for row in of_screen:
            if group and size + _length(row.text) > WORDS:
                yield group
                group, size = [], 0
            group.append(row)
            size += _length(row.text)
        yield group


def _changes(rows: Sequence[Row]) -> Iterator[float]:
    """Seconds at which most lines make way for others."""
    there: list[Row] = []
    for start, group in groupby(rows, key=lambda row: row.span.start):
        stay = [row for row in there if row.span.end > start + _SAME]
        before = [row for row in there if row.span.end > start - _SAME]
        if len(stay) * 2 < len(before) or not before:
            yield start
        there = [*stay, *group]


def _reading_order(row: Row) -> tuple[float, float, float]:
    box = (row.data.get("boxes") or [[0, 0]])[0]
    return row.span.start, box[1], box[0]


def _segment(group: Sequence[Row]) -> Segment:
    first = group[0]
    speakers = {row.data.get("speaker") for row in group}
    return Segment(
        video=first.video,
        kind=first.kind,
        tool=first.tool,
        span=Span(min(r.span.start for r in group), max(r.span.end for r in group)),
        text=_joined(group),
        language=first.data.get("language"),
        speaker=speakers.pop() if len(speakers) == 1 else None,
        score=_confidence(group),
        rough=any(row.rough for row in group),
        words=tuple(_word(word) for row in group for word in row.data.get("words", ())),
        observations=tuple(row.n for row in group),
    )


def _confidence(group: Sequence[Row]) -> float | None:
    """Mean confidence, each row with the weight of its length."""
    sized = [(row.score, max(1, _length(row.text))) for row in group if row.score is not None]
    return sum(score * size for score, size in sized) / sum(size for _, size in sized) if sized else None


def _word(word: Sequence[Any]) -> Word:
    start, end, text, *score = word
    return float(start), float(end), str(text), score[0] if score else None


def _joined(group: Sequence[Row]) -> str:
    """The texts, each turn of speech led by its speaker's name, lines of a screen on lines of their own."""
    if group[0].kind == "text":
        return "\n".join(row.text for row in group)
    parts = []
    for speaker, turn in groupby(group, key=lambda row: row.data.get("speaker")):
        said = " ".join(row.text for row in turn)
        parts.append(f"{speaker}: {said}" if speaker else said)
    return "\n".join(parts)
