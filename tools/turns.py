"""Cues to turns of speech: rolling captions told once, and speakers as subtitles write them, a name with a colon."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .text import CJK, fold

CLOSE = 0.1  # seconds: cues that follow each other within this may be one rolling text
ROLLING = 0.3  # share of neighbouring cues that repeat a line, above which a file is rolling
LABELLED = 0.5  # share of cues with a name before them, above which every such name is one


@dataclass(frozen=True, slots=True)
class Turn:
    """A cue between reading and storing: its rows without markup, its speaker where the format names one."""

    start: float
    end: float
    rows: tuple[str, ...]
    speaker: str | None = None
    words: tuple[tuple[float, float, str], ...] = ()


# ">> ANN: ...", "[SPEAKER_01]: ...", "Ann Lee: ...", "王老师:..."
_LABEL = re.compile(rf"(>>+|-)?\s*(\[)?([^\W\d_][^:：\[\]]{{0,39}}?)(?(2)\])\s*(?::(?=\s)|(?<=[{CJK}\d]):|：)\s*(?=\S)")
_CHEVRONS = re.compile(r"\s*>>+\s*")
_CAPITALS = re.compile(r"[^\W\d_a-z][^\d:,;!?]*(?:[ _]?\d{1,3})?")
_TITLE = re.compile(r"[^\W\d_][\w.'’-]*(?: (?:[^\W_][\w.'’-]*|&)){0,3}")
_EASTERN = re.compile(rf"[{CJK}·]{{2,6}} ?\d{{0,3}}")
_PARTICLES = frozenset(["al", "bin", "da", "de", "del", "der", "di", "du", "el", "la", "le", "van", "von", "y"])
# What stands before a colon without being a name, by its first word.
_OTHER_WORDS = """
agenda also answer answers attention but caution chapter chapters conclusion date definition edit email episode example
examples exercise fact facts faq finally first fyi goal here hint how http https idea important info key lesson module
next note notes now option overview part phone problem ps question questions reason reminder remember result results
rule second section so solution source sources step steps subtitle subtitles summary tel the then theorem third this
time tip tips title today todo topic topics translation update url warning website what where why
注意 例如 比如 问题 答案 提示 总结 结论 首先 其次 最后 所以 但是 因此 标题 时间 地点 字幕 翻译 步骤
問題 總結 結論 例 例えば 質問 答え 注
"""
_NO_NAMES = frozenset(_OTHER_WORDS.split())


def unrolled(turns: Sequence[Turn]) -> list[Turn]:
    """Each text once: doubled cues joined, and in a rolling file the rows dropped that a cue only goes on showing."""
    again = [_again(a.rows, b.rows) if _follows(a, b) else 0 for a, b in pairwise(turns)]
    rolling = sum(n > 0 for n in again) > max(1.0, ROLLING * len(again))
    kept = list(turns[:1])
    for (shown, turn), n in zip(pairwise(turns), again, strict=True):
        same = shown.rows == turn.rows
        if not n or not (rolling or (same and turn.start < shown.end)):
            kept.append(turn)
            continue
        grown = turn.rows[n - 1][len(shown.rows[-1]) :].strip()
        if grown or (same and not kept[-1].words):
            kept[-1] = _extended(kept[-1], turn, grown)
        if turn.rows[n:]:
            kept.append(replace(turn, rows=turn.rows[n:]))
    return kept


def _follows(a: Turn, b: Turn) -> bool:
    return a.speaker == b.speaker and b.start - a.end <= CLOSE


def _again(shown: Sequence[str], rows: Sequence[str]) -> int:
    """How many of the first rows are the last ones shown; the very last may have grown by some words."""
    for k in range(min(len(shown), len(rows)), 0, -1):
        last, now = shown[-1], rows[k - 1]
        if list(shown[-k:-1]) == list(rows[: k - 1]) and (now == last or now.startswith(last + " ")):
            return k
    return 0


def _extended(last: Turn, turn: Turn, grown: str) -> Turn:
    """The last turn going on: shown longer, or with more words at its end, whose times are then known."""
    end = max(last.end, turn.end)
    if not grown:
        return replace(last, end=end)
    before = last.words or ((last.start, last.end, " ".join(last.rows)),)
    rows = (*last.rows[:-1], f"{last.rows[-1]} {grown}")
    return replace(last, end=end, rows=rows, words=turn.words or (*before, (turn.start, turn.end, grown)))


def name_speakers(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Moves a leading name into `speaker`: one in capitals, after >> or in brackets at once, others if they recur.

    A cue in which a second one is named stays whole and gets no speaker: its rows cannot be told apart by time.
    """
    found = [_label(turn.rows[0]) if turn.speaker is None else None for turn in turns]
    counts = Counter(name for name, _ in filter(None, found))
    everywhere = counts.total() > max(1, LABELLED * len(turns))
    names = {label[0] for label in filter(None, found) if label[1] or everywhere or counts[label[0]] > 1}
    for turn, label in zip(turns, found, strict=True):
        others = any((other := _label(row)) and (other[1] or other[0] in names) for row in turn.rows[1:])
        if label and label[0] in names and not others:
            yield replace(_without(_LABEL, turn), speaker=label[0])
        elif (plain := _without(_CHEVRONS, turn)).rows:
            yield plain


def _label(row: str) -> tuple[str, bool] | None:
    """The name before the colon and whether it is certainly one; None where it cannot be."""
    match = _LABEL.match(row[:80])
    if match is None:
        return None
    name = match[3].strip()
    words = name.split()
    if len(words) > 4 or fold(words[0]) in _NO_NAMES or fold(name) in _NO_NAMES:
        return None
    if _EASTERN.fullmatch(name):
        return name, False
    certain = bool(match[2] or (match[1] or "").startswith(">>"))
    if _CAPITALS.fullmatch(name) and name == name.upper() and sum(c.isupper() for c in name) > 1:
        return name, True
    proper = all(w[0].isupper() or w[0].isdigit() or w in _PARTICLES or w == "&" for w in words)
    return (name, certain) if _TITLE.fullmatch(name) and (proper or certain) else None


def _without(head: re.Pattern[str], turn: Turn) -> Turn:
    """The turn without what its first row begins with. A word that belongs to the rest in part keeps its times."""
    match = head.match(turn.rows[0])
    if match is None:
        return turn
    gone, words = match.end(), []
    for start, end, text in turn.words:
        rest, gone = text[gone:].strip(), max(0, gone - len(text) - 1)
        if rest:
            words.append((start, end, rest))
    rows = (turn.rows[0][match.end() :], *turn.rows[1:])
    return replace(turn, rows=tuple(row for row in rows if row), words=tuple(words))
