"""The evidence check: a sentence is released only if code finds what it says in the rows that it cites.

In order: the cited numbers exist; the sentence cites at least one; every quote, number, name and time in it stands
in the cited rows (a time: within the cited span). A sentence that fails is dropped or replaced by the caller.
"""

import re
from collections.abc import Mapping, Sequence, Set

from ..tools.text import fold
from .answer import Evidence

_MARK = re.compile(r"\s*\[e(\d+)\]")
_CLOCK = re.compile(r"\b(?:(\d+):)?(\d{1,3}):(\d{2})(?:\.\d+)?\b")
_PLACE = re.compile(r"#(\d+(?:\.\d+)?)")  # in a timeline that counts turns or sentences, not seconds
_NUMBER = re.compile(r"[A-Za-z]*\d+(?:[.,]\d+)*[A-Za-z]*")  # 1886, 1,200, 1080p
_NAME = re.compile(r"(?<![.!?:“\"'(]\s)(?<![“\"'(])(?<=\s)[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+)*")
_QUOTE = re.compile(r"“([^“”]*(?:“[^“”]*”[^“”]*)*)”")
_SLACK = 1.0  # seconds: times are written to the whole second
NUMBER_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion".split()
)


def marks(text: str) -> tuple[str, tuple[int, ...]]:
    """The sentence without its marks [e17], and their numbers."""
    return _MARK.sub("", text).strip(), tuple(dict.fromkeys(int(n) for n in _MARK.findall(text)))


def faults(
    text: str, cited: Sequence[int], evidence: Mapping[int, Evidence], counted: Set[str] = frozenset()
) -> list[str]:
    """Why the sentence may not be released: empty when it may. `counted` are numbers that code has counted in all that
    was asked about, so that a sentence may say them of its rows."""
    unknown = [n for n in cited if n not in evidence]
    if unknown:
        return [f"there is no evidence {', '.join(f'e{n}' for n in unknown)}"]
    if not cited:
        return ["the sentence cites nothing"]
    rows = [evidence[n] for n in cited]
    known = f" {_known(rows)} "
    found = [f"the quote “{q}” is not in the cited rows" for q in _QUOTE.findall(text) if fold(q) not in known]
    text = rest = _QUOTE.sub(" ", text)  # what is quoted word for word is checked; the rest is the writer's
    for clock in _CLOCK.finditer(text):
        if not _time_stands(clock, rows) and fold(clock[0]) not in known:
            found.append(f"the time {clock[0]} is not in the cited moments")
        rest = rest.replace(clock[0], " ")
    for place in _PLACE.finditer(rest):
        if not any(row.span.start <= float(place[1]) <= row.span.end for row in rows):
            found.append(f"the place {place[0]} is not in the cited rows")
    rest = _PLACE.sub(" ", rest)
    numbers = [n for n in _numbers(rest) if n not in counted]
    found += [f"the number {n} is not in the cited rows" for n in numbers if f" {fold(n)} " not in known]
    found += [f"the name {n} is not in the cited rows" for n in _NAME.findall(rest) if fold(n) not in known]
    return found


def _known(rows: Sequence[Evidence]) -> str:
    return fold(" ".join(f"{row.text} {row.segment.speaker or ''} {row.segment.text}" for row in rows))


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(text) + [w for w in re.findall(r"[a-z]+", text.casefold()) if w in NUMBER_WORDS - {"one"}]


def _time_stands(clock: re.Match[str], rows: Sequence[Evidence]) -> bool:
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    at = hours * 3600 + minutes * 60 + seconds
    return any(row.span.start - _SLACK <= at <= row.span.end + _SLACK for row in rows)
