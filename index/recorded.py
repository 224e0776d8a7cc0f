"""When a video was recorded, and where that was learnt: the option, its file name, or its container. Never mtime."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..tools.errors import UsageError
from .rows import VideoRow

Learnt = tuple[str, Literal["option", "name", "container"]]

# Zoom writes GMT20261121-220500, macOS 2026-11-21 at 10.05.00 PM (with a narrow space), Pixel phones milliseconds.
_NAME = re.compile(
    r"""
    (?P<utc>GMT)?
    (?<!\d)(?P<year>(?:19|20)\d\d)[-_.]?(?P<month>0[1-9]|1[0-2])[-_.]?(?P<day>[0-3]\d)
    [-_.\ T]+(?:at[-_.\ ])?
    (?P<hour>[01]\d|2[0-3]|\d(?=[-_.:h]))[-_.:h]?(?P<minute>[0-5]\d)(?:[-_.:m]?(?P<second>[0-5]\d)(?:\d{3})?)?(?!\d)
    (?:(?:\s?(?P<half>[AP]M)|(?P<zulu>Z))(?![A-Za-z]))?
    """,
    re.VERBOSE,
)
_FIRST_YEAR = 1990  # cameras without a set clock write 1904, 1970 or 1980
_TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date")


@dataclass(frozen=True, slots=True)
class Old:
    """A video, and by which of its dates it is older than another: when it was recorded, or where nobody knows that,
    when it was added."""

    row: VideoRow
    by: Literal["recorded", "added"] | None = None


def older(rows: Iterable[VideoRow], before: str) -> list[Old]:
    """Those older than a time. Raises UsageError for what is no time."""
    limit = datetime.fromisoformat(parse(before))
    dated = ((row, datetime.fromisoformat(row.recorded_at or row.added_at)) for row in rows)
    return [Old(row, "recorded" if row.recorded_at else "added") for row, date in dated if date < limit]


def parse(text: str) -> str:
    """An ISO 8601 time, local where it names no zone, as ISO 8601 with zone. Raises UsageError."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{text!r} is not a time; write it as 2026-11-21T22:05:00+01:00") from None


def learn(option: str | None, name: str, tags: Mapping[str, str]) -> Learnt | None:
    """ISO 8601 with zone and where it was learnt, or None. Raises UsageError for an option that is no time."""
    if option:
        return parse(option), "option"
    if at := _from_name(name):
        return at, "name"
    if at := _from_tags(tags):
        return at, "container"
    return None


def _from_name(name: str) -> str | None:
    found = _NAME.search(name)
    if not found:
        return None
    year, month, day, hour, minute, second = (
        int(found[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")
    )
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] == "PM" else 0)
    zone = UTC if found["utc"] or found["zulu"] else None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone().isoformat()
    except ValueError:  # a number that only looks like a date, such as 20260231
        return None


def _from_tags(tags: Mapping[str, str]) -> str | None:
    for text in (tags.get(key, "").strip() for key in _TAGS):
        if "T" in text.upper() or " " in text:  # a date alone is no moment
            try:
                at = datetime.fromisoformat(text)
                if at.year >= _FIRST_YEAR:
                    return at.astimezone().isoformat()
            except (ValueError, OverflowError, OSError):
                continue
    return None
