"""Times that a question names ("after 1:20", "in the first minute", "at the end", "第2分钟后") as a window."""

import re
from dataclasses import dataclass

from ..tools.base import Span

_EDGE = 0.15  # "the beginning" and "the end" are this share of the video, but at least _EDGE_LEAST seconds
_EDGE_LEAST = 5.0
_AROUND = 1.5  # seconds on either side of "at 0:48"

_NUMBER = r"\d+(?:\.\d+)?"
_UNITS = {"h": 3600, "时": 3600, "小": 3600, "m": 60, "分": 60, "s": 1, "秒": 1}
_PART = rf"(?:{_NUMBER})\s*(?:hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|sec|s|小时|分钟|分|秒钟|秒)(?![A-Za-z])"
_TIME = rf"(?:(?<!\d)\d{{1,3}}(?::[0-5]\d){{1,2}}(?:\.\d+)?|{_PART}(?:\s*(?:and\s+)?{_PART})*)"
# What is a moment even where no word says so: "100 m" may be a race, "30 seconds" how long something takes.
_CLOCK = r"(?<!\d)\d{1,3}(?::[0-5]\d){1,2}(?:\.\d+)?"
_MOMENT = rf"(?:{_CLOCK}|(?:{_NUMBER}\s*(?:小时|分钟|分|秒钟|秒))+)"
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "few": 10, "couple": 5, "half": 0.5}
_AMOUNT = (
    rf"(?:(?:(?P<amount>{_NUMBER}|{'|'.join(_WORDS)})\s*)?(?P<unit>hour|minute|second)s?"
    rf"|(?P<short>{_NUMBER})\s*(?P<abbreviated>hrs?|h|mins?|m|secs?|s))"
)
# Numbers in words, before a unit of time.
_ENGLISH = "one two three four five six seven eight nine ten".split()
_ENGLISH_NUMBER = re.compile(rf"\b({'|'.join(_ENGLISH)})(?=[\s-]+(?:hour|minute|second)s?\b)", re.IGNORECASE)
_CHINESE = "零一二三四五六七八九"
_CHINESE_NUMBER = re.compile(r"(?:[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])(?=小时|分|秒)")
_ABOUT = r"(?:about|around|approximately|roughly|exactly|ca\.?)?\s*"


def _compiled(*patterns: str) -> list[re.Pattern[str]]:
    return [re.compile(p, re.IGNORECASE) for p in patterns]


_BETWEEN = _compiled(
    rf"\b(?:between|from)\s+{_ABOUT}(?P<a>{_TIME}|\d+)\s*(?:and|to|until|till|-|–)\s*{_ABOUT}(?P<b>{_TIME})",
    rf"\bat\s+{_ABOUT}(?P<a>{_NUMBER})\s*(?:to|-|–)\s*(?P<b>{_TIME})",
    rf"(?P<a>{_TIME})\s*(?:到|至|-|–)\s*(?P<b>{_TIME})(?:之?间)?",
)
_AFTER = _compiled(
    rf"\b(?:after|since|from)\s+{_ABOUT}(?P<a>{_TIME})(?:\s+on(?:wards?)?\b)?", rf"(?P<a>{_TIME})\s*(?:之后|以后|后)"
)
_BEFORE = _compiled(
    rf"\b(?:(?:from|between) the (?:start|beginning) (?:to|and|until|till|up to)|before|until|till|up to)"
    rf"\s+(?:the\s+)?{_ABOUT}(?P<a>{_TIME})",
    rf"(?P<a>{_TIME})\s*(?:之前|以前|前)",
)
_AT = _compiled(
    rf"\b(?:(?:at|around)(?:\s+the)?|about)\s+{_ABOUT}(?P<a>{_TIME})",
    r"\b(?:second|minute)\s+(?P<n>\d+)\b(?!:)",
    rf"(?:^\s*|[在第])(?P<a>{_MOMENT})(?:时|处|的时候|左右)?",
    rf"(?P<a>{_MOMENT})(?:时|处|的时候|左右)",
    rf"(?P<a>{_CLOCK})",
)
_FIRST = _compiled(
    rf"\b(?:in|during|within|for|after)\s+the\s+(?:very\s+)?first\s+{_AMOUNT}\b",
    r"前(?P<amount>\d+)(?P<unit>秒|分)钟?",
    r"第一(?P<unit>分|秒)钟?",
)
_LAST = _compiled(
    rf"\b(?:in|during|within|for)\s+the\s+(?:very\s+)?(?:last|final)\s+{_AMOUNT}\b",
    r"最后(?P<amount>\d+)(?P<unit>秒|分)钟?",
)
_MINUTE = re.compile(r"第(?P<n>\d+)分钟")
_OF = r"(?: of the (?:video|film|clip|talk|recording|lecture))?\b"
_SHARES = [
    (re.compile(pattern, re.IGNORECASE), low, high)
    for low, high, pattern in (
        (0.0, 0.0, r"\bon the (?:very )?first frame\b|第一帧"),
        (0.0, 0.5, r"\bin the first half\b|前半(?:部分|段)?"),
        (0.5, 1.0, r"\bin the (?:second|last|latter) half\b|后半(?:部分|段)?"),
        (1 / 3, 2 / 3, r"\bin the middle(?: of the \w+)?\b|中间"),
        (0.0, _EDGE, rf"\b(?:at|in|near) the (?:very )?(?:start|beginning|opening){_OF}|开头|开始时|开始的时候|一开始"),
        (1 - _EDGE, 1.0, rf"\b(?:at|in|near|towards?) the (?:very )?(?:end|close){_OF}|结尾|最后部分|末尾"),
        (1 - _EDGE, 1.0, "最后(?=[说讲写唱显出发])"),
        (1 - _EDGE, 1.0, r"\bin the (?:last|final) part\b"),
    )
]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch that a question names: seconds, or shares of the duration where `relative`; None is open."""

    start: float | None
    end: float | None
    relative: bool = False
    from_end: bool = False

    def span(self, duration: float) -> Span | None:
        """The window in a video of `duration` seconds; None where the video has no such moment."""
        if self.relative:
            low, high = (self.start or 0.0) * duration, (self.end or 0.0) * duration
            if self.start == 0.0 and self.end == _EDGE:
                high = max(high, _EDGE_LEAST)
            if self.end == 1.0 and self.start == 1 - _EDGE:
                low = min(low, duration - _EDGE_LEAST)
            low, high = max(0.0, low), max(high, 0.05)
        elif self.from_end:
            low, high = max(0.0, duration - (self.start or 0.0)), duration
        else:
            low, high = self.start or 0.0, duration if self.end is None else self.end
        low, high = max(0.0, low), min(high, max(duration, 0.05))
        return Span(low, high) if low < high else None


def seconds(text: str) -> float:
    """ "1:20", "1:02:03.5", "2 min 5 s", "1分20秒" as seconds. A bare number is seconds."""
    text = text.strip()
    if ":" in text:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
        return total
    parts = re.findall(rf"({_NUMBER})\s*(\w)?", text)
    return sum(float(value) * _UNITS.get(unit.lower(), 1) for value, unit in parts)


def _amount(match: re.Match[str]) -> float:
    groups = match.groupdict()
    amount = groups.get("amount") or groups.get("short") or "1"
    value = _WORDS[amount.lower()] if amount.lower() in _WORDS else float(amount)
    return value * _UNITS[(groups["unit"] or groups["abbreviated"])[0].lower()]


def _in_digits(question: str) -> str:
    """The question with "two minutes" as "2 minutes" and "十秒" as "10秒"."""

    def chinese(found: re.Match[str]) -> str:
        tens, ten, ones = found[0].replace("两", "二").rpartition("十")
        return str((10 * (_CHINESE.find(tens) if tens else 1) if ten else 0) + max(0, _CHINESE.find(ones or "零")))

    question = _ENGLISH_NUMBER.sub(lambda found: str(_ENGLISH.index(found[0].lower()) + 1), question)
    return _CHINESE_NUMBER.sub(chinese, question)


def window(question: str) -> tuple[Window | None, str]:
    """The window that the question names, or None, and the question without those words."""
    found, rest = _window(_in_digits(question))
    return found, rest if found else question


def _window(question: str) -> tuple[Window | None, str]:
    for pattern in _BETWEEN:
        if found := pattern.search(question):
            unit = re.sub(r"[\d.:\s]+", "", found["b"])  # "from 1 to 2 minutes"
            a, b = seconds(found["a"] + unit if found["a"].isdigit() else found["a"]), seconds(found["b"])
            return Window(min(a, b), max(a, b)), _without(question, found)
    for pattern in _FIRST:
        if found := pattern.search(question):
            if found[0].lower().startswith("after"):
                return Window(_amount(found), None), _without(question, found)
            return Window(0.0, _amount(found)), _without(question, found)
    for pattern in _LAST:
        if found := pattern.search(question):
            return Window(_amount(found), None, from_end=True), _without(question, found)
    for patterns, after in ((_AFTER, True), (_BEFORE, False)):
        for pattern in patterns:
            if found := pattern.search(question):
                at = seconds(found["a"])
                return Window(at if after else None, None if after else at), _without(question, found)
    if found := _MINUTE.search(question):
        return Window(60.0 * (int(found["n"]) - 1), 60.0 * int(found["n"])), _without(question, found)
    for pattern in _AT:
        if found := pattern.search(question):
            groups = found.groupdict()
            at = seconds(groups["a"]) if "a" in groups else float(groups["n"]) * _UNITS[found[0].strip()[0].lower()]
            return Window(max(0.0, at - _AROUND), at + _AROUND), _without(question, found)
    for pattern, low, high in _SHARES:
        if found := pattern.search(question):
            return Window(low, high, relative=True), _without(question, found)
    return None, question


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}".strip()
