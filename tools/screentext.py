"""Lines of text followed over the keyframes: when each was first and last there, and which belong together."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from math import hypot

from .text import fold, has_cjk
from .textlines import Box, TextLine, overlap

PLACE = 0.5  # intersection over union from which two boxes are the same place
ALIKE = 0.8  # similarity from which two readings may be of one line, if the recogniser was unsure of one
UNSURE = 0.95  # confidence below which it may have misread a letter
NUMBER = re.compile(r"\d+")
BULLET = re.compile(r"\s*(?:[•·▪■◦○●►▶➢✓*>–—-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s*(?=\S)")


class ScreenLine:
    """One line of text as long as it is on the screen. `end` is None while it is still there."""

    def __init__(self, time: float, shot: int, image: str | None, seen: TextLine) -> None:
        self.start = time
        self.end: float | None = None
        self.missed: float | None = None  # the keyframe at which it was not found, if that was the last one
        self.shot = shot
        self.last = seen
        self.values: list[tuple[float, str]] = []  # of something that counts: time and text of each reading
        self._votes: dict[str, float] = {}
        self._best: dict[str, tuple[TextLine, str | None]] = {}
        self._vote(image, seen)

    @property
    def best(self) -> TextLine:
        """The reading with the most votes, each weighed by its confidence."""
        return self._best[self._winner][0]

    @property
    def image(self) -> str | None:
        """The keyframe of that reading."""
        return self._best[self._winner][1]

    @property
    def _winner(self) -> str:
        return max(self._votes, key=lambda text: self._votes[text])

    def bond(self, shot: int, seen: TextLine) -> float:
        """How surely a reading of the next keyframe is this line: 0 for not at all."""
        old, near = self.last, overlap(self.last.box, seen.box)
        if not 0.5 < seen.box[3] / old.box[3] < 2:
            return 0.0
        if self.missed is not None and near < PLACE:  # after a gap it has to be where it was
            return 0.0
        if _letters(seen.text) in map(_letters, (old.text, *self._votes)):
            far = hypot(*(a - b for a, b in zip(_centre(old.box), _centre(seen.box), strict=True))) / old.box[3]
            return 3 + 1 / (1 + far) if near or len(_letters(seen.text)) > 2 else 0.0
        if near > PLACE and similar(self.best, seen):
            return 2 + near
        if near > PLACE / 2 and counts(old.text, seen.text, shot == self.shot):
            return 1 + near
        return 1.0 if near and grows(old, seen) else 0.0

    def follow(self, time: float, shot: int, image: str | None, seen: TextLine) -> None:
        """Takes the reading of the next keyframe."""
        if counts(self.last.text, seen.text, shot == self.shot):
            self.values = self.values or [(self.start, self.last.text)]
            self.values.append((time, seen.text))
        elif grows(self.last, seen):
            self._votes.clear()
            self._best.clear()
        if not self.values:
            self._vote(image, seen)
        self.last, self.shot, self.missed = seen, shot, None

    def _vote(self, image: str | None, seen: TextLine) -> None:
        self._votes[seen.text] = self._votes.get(seen.text, 0.0) + seen.score
        if seen.text not in self._best or seen.score > self._best[seen.text][0].score:
            self._best[seen.text] = seen, image


class Screen:
    """What stands on the screen, one keyframe after the other."""

    def __init__(self) -> None:
        self._lines: list[ScreenLine] = []

    def see(
        self, time: float, shot: int, image: str | None, found: Sequence[TextLine], began: float | None = None
    ) -> list[ScreenLine]:
        """Takes the readings of a keyframe and gives back the lines that are gone for certain.

        A line that is not found may be back in the next keyframe of the same shot: text recognition flickers. One that
        is not found in a new shot went when that `began`.
        """
        bonds = [(known.bond(shot, seen), i, j) for i, known in enumerate(self._lines) for j, seen in enumerate(found)]
        old: dict[int, int] = {}
        for bond, i, j in sorted(bonds, reverse=True):
            if bond > 0 and i not in old and j not in old.values():
                old[i] = j
        gone, there = [], []
        for i, known in enumerate(self._lines):
            if i in old:
                known.follow(time, shot, image, found[old[i]])
            elif known.missed is not None or known.shot != shot:
                last = time if began is None or known.shot == shot else max(began, known.start)
                known.end = last if known.missed is None else known.missed
                gone.append(known)
                continue
            else:
                known.missed = time
            there.append(known)
        new = [ScreenLine(time, shot, image, seen) for j, seen in enumerate(found) if j not in old.values()]
        self._lines = there + new
        return gone

    def finish(self, time: float) -> list[ScreenLine]:
        """The lines that are left when the pictures end at `time`."""
        for known in self._lines:
            known.end = time if known.missed is None else known.missed
        gone, self._lines = self._lines, []
        return gone


def similar(a: TextLine, b: TextLine) -> bool:
    """Whether two readings of one place are one text: with the same digits, and other letters only where unsure."""
    one, two = _letters(a.text), _letters(b.text)
    if one == two:
        return True
    if NUMBER.findall(one) != NUMBER.findall(two) or min(a.score, b.score) > UNSURE:
        return False
    return SequenceMatcher(None, one, two, autojunk=False).ratio() >= ALIKE


def counts(a: str, b: str, same_shot: bool) -> bool:
    """Whether a clock, timecode or counter went from `a` to `b`: other digits in the same mould, and few letters.

    In another shot only a mould of several numbers will do: two tables may have different figures at one place.
    """
    first, second = NUMBER.findall(a), NUMBER.findall(b)
    if first == second or len(first) != len(second) or len(first) < (1 if same_shot else 2):
        return False
    moulds = [re.sub("[.,:;]", ":", NUMBER.sub("0", text)).replace(" ", "") for text in (a, b)]
    return moulds[0] == moulds[1] and sum(map(str.isalpha, a)) <= sum(map(str.isdigit, a))


def grows(a: TextLine, b: TextLine) -> bool:
    """Whether `b` is line `a` with more written at its end. The last letter of `a` may have been half there."""
    one, two = _letters(a.text), _letters(b.text)
    if len(two) <= len(one) or not two.startswith(one[:-1] or one):
        return False
    return _row(a.box, b.box) and (_left(a.box, b.box) or _centred(a.box, b.box))


def passages(gone: Iterable[ScreenLine]) -> list[list[ScreenLine]]:
    """Lines that went together, in reading order; those of one sentence or title that is broken into lines as one."""
    lines, groups = _reading_order(gone), list[list[ScreenLine]]()
    for known in lines:
        above = next((group for group in reversed(groups) if _continues(group[-1], known, lines)), None)
        if above:
            above.append(known)
        else:
            groups.append([known])
    return sorted(groups, key=lambda group: group[0].start)


def joined(texts: Sequence[str]) -> str:
    """Lines as one: with spaces, but for scripts that have none."""
    whole = texts[0]
    for text in texts[1:]:
        whole += text if has_cjk(whole[-1]) and has_cjk(text[0]) else f" {text}"
    return whole


def _continues(upper: ScreenLine, lower: ScreenLine, lines: Sequence[ScreenLine]) -> bool:
    """Whether `lower` carries on the text of `upper`: same size, right below, broken off for want of room or centred.

    How much room there was is seen from all `lines` that start at the same edge.
    """
    a, b = upper.last.box, lower.last.box
    step = _centre(b)[1] - _centre(a)[1]
    if upper.end != lower.end or lower.start < upper.start or upper.values or lower.values:
        return False
    if max(a[3], b[3]) > 1.35 * min(a[3], b[3]) or not 0.4 * a[3] < step < 1.6 * max(a[3], b[3]):
        return False
    one, two = upper.best.text, lower.best.text
    if BULLET.match(two):
        return False
    if _centred(a, b) and abs(a[0] - b[0]) > max(a[3], b[3]):
        return upper.start == lower.start or _goes_on(one, two)
    if not _starts(upper, lower):
        return False
    edge = max(c[0] + c[2] for c in (known.last.box for known in lines) if _left(c, a) or _left(c, b))
    return not two[0].isalnum() or (_goes_on(one, two) and _full(a, lower, edge))


def _goes_on(one: str, two: str) -> bool:
    """Whether the words themselves do: in small letters, or without a break in a script that has none."""
    if has_cjk(two[0]):
        return len(one) >= 8 and one[-1] not in "。！？：；"
    return two[0].islower() and len(one.split()) > 2


def _full(upper: Box, lower: ScreenLine, edge: float) -> bool:
    """Whether the first word of `lower` would not have fitted between `upper` and the edge on the right."""
    text = lower.best.text
    word = 1 if has_cjk(text[0]) else len(text.split()[0])
    return upper[0] + upper[2] + lower.last.box[2] * word / len(text) >= edge


def _starts(upper: ScreenLine, lower: ScreenLine) -> bool:
    """Whether both start at one edge; behind a bullet, which need not have been read, the second may be moved in."""
    a, b = upper.last.box, lower.last.box
    return _left(a, b) or 0 < b[0] - a[0] < (2.5 if BULLET.match(upper.best.text) else 1.5) * a[3]


def _reading_order(lines: Iterable[ScreenLine]) -> list[ScreenLine]:
    rows: list[list[ScreenLine]] = []
    for known in sorted(lines, key=lambda known: _centre(known.last.box)[1]):
        if rows and _row(rows[-1][0].last.box, known.last.box):
            rows[-1].append(known)
        else:
            rows.append([known])
    return [known for row in rows for known in sorted(row, key=lambda known: known.last.box[0])]


@lru_cache(8192)
def _letters(text: str) -> str:
    return fold(text).replace(" ", "")


def _centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _row(a: Box, b: Box) -> bool:
    return abs(_centre(a)[1] - _centre(b)[1]) < 0.4 * min(a[3], b[3])


def _left(a: Box, b: Box) -> bool:
    return abs(a[0] - b[0]) < 0.6 * min(a[3], b[3])


def _centred(a: Box, b: Box) -> bool:
    return abs(_centre(a)[0] - _centre(b)[0]) < 0.6 * min(a[3], b[3])
