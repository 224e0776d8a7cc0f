"""Subtitle files to lines of speech: SubRip, WebVTT and SubStation as people and programs really write them.

A reader of timed blocks serves .srt and .vtt alike, since each is often found under the other's name. It is our own:
pysubs2 1.8 takes the inline word times of YouTube's captions for cues, puts cue ids and NOTE blocks into the text,
loses speakers, and gives up a whole .ass file for one broken time.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from .charsets import decode
from .errors import SubtitleError
from .text import line as one_line
from .turns import Turn, name_speakers, unrolled

MAX_BYTES = 64 << 20
FORMATS = "SubRip (.srt), WebVTT (.vtt) or SubStation (.ass, .ssa)"

_TIME = r"-?(?:\d+ ?: ?)?\d{1,2} ?: ?\d{1,2}(?: ?[.,:] ?\d{1,3})?"
_TIMING = re.compile(rf"\s*(?:(\[)\s*)?({_TIME})\s*(?:-{{1,3}} ?>|[–—→]>?)\s*({_TIME})(?(1)\s*\](.*)|(?:\s.*)?$)")
_INLINE = re.compile(rf"<({_TIME})>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</?\d[\d:.]*>|<>|</>")
_BRACES = re.compile(r"(\{[^{}]*\})")
_OVERRIDE = re.compile(r"\{(?:\\[^{}]*|[a-zA-Z]:[^{}]*)\}")
_DRAWING = re.compile(r"\\p(\d)")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u2060\ufeff]|\x1b\\[[0-9;]*[A-Za-z]")
_SUBSTATION = re.compile(r"^[ \t]*(?:\[(?:Script Info|Events|V4\+? Styles)\]|Dialogue:)", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(r"^\s*(kind|lang|language)\s*:\s*(\S+)", re.IGNORECASE)
_BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said from start to end in seconds, on one line without markup; words are (start, end, text)."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    words: tuple[tuple[float, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A cue as the file holds it: display lines with their markup, end perhaps before start."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    substation: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """Lines in order of start, the language and kind that the file itself names, and what was wrong with it."""

    lines: tuple[Line, ...]
    language: str | None = None
    kind: str | None = None
    notes: tuple[str, ...] = ()


def read(path: Path, language: str | None = None) -> Script:
    """The subtitle file at `path`; its format is told by its content. `language` helps to guess an old encoding.

    Raises SubtitleError, which names the file and the remedy, when it cannot be read, is too big or no subtitle file.
    """
    try:
        if not path.is_file():
            raise SubtitleError(f"{path}: not found, or not a file; check the name")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise SubtitleError(
                f"{path}: {size >> 20} MB is too big for a subtitle file (at most {MAX_BYTES >> 20} MB); "
                "give the text alone, cut into parts"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise SubtitleError(f"{path}: cannot be read ({error}); check the name and its permissions") from error
    text, guessed = decode(data, language)
    if len(_BINARY.findall(text[: 1 << 20])) * 20 > len(text[: 1 << 20]):
        raise SubtitleError(f"{path}: holds no text; give a subtitle file: {FORMATS}")
    script = parse(text)
    if not script.lines and not script.notes:
        if text.strip() and not text.lstrip().startswith("WEBVTT") and not _SUBSTATION.search(text):
            raise SubtitleError(
                f"{path}: no line with a time such as 00:00:01,000 --> 00:00:02,000; save it as {FORMATS}"
            )
        return replace(script, notes=("holds no subtitles",))
    if guessed:
        script = replace(script, notes=(*script.notes, f"read as {guessed}, not all of it fits; re-save it as UTF-8"))
    return script


def parse(text: str) -> Script:
    """The text of a subtitle file. Never raises: what makes no sense is left out and noted."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if _SUBSTATION.search(text):
        events, broken = _substation(text)
        head: dict[str, str] = {}
    else:
        rows = text.split("\n")
        vtt = text.lstrip().startswith("WEBVTT")
        events, broken = _blocks(rows, vtt)
        header = takewhile(str.strip, text.lstrip().split("\n", 50)[:50]) if vtt else ()
        head = {m[1].lower()[:4]: m[2] for row in header if (m := _HEADER.match(row))}
    lines, notes = lines_of(events)
    if broken:
        notes = (*notes, f"cues with unreadable times, left out: {broken}")
    return Script(lines, head.get("lang"), head.get("kind", "").lower() or None, notes)


def lines_of(events: Sequence[Event]) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """Events of any format to lines: times mended, sorted, markup gone, rolling text collapsed, speakers named.

    Events that lie before 0 s are dropped. Also returns what had to be mended, as sentences.
    """
    ordered = sorted(events, key=lambda e: e.start)
    backwards = sum(e.end <= e.start for e in ordered)
    turns = [t for e in _mended(ordered) if e.end > 0 for t in _turns(e)]
    lines = tuple(_line(turn) for turn in name_speakers(unrolled(turns)))
    if not backwards:
        return lines, ()
    return lines, (f"cues that end before they start: {backwards} (ended by the length of their text)",)


def _blocks(rows: Sequence[str], vtt: bool) -> tuple[list[Event], int]:
    """Cues under lines with two times and an arrow; and how many such lines could not be understood.

    In WebVTT an empty line ends a cue; in SubRip text goes on to the next times, but for the number before them.
    """
    events: list[Event] = []
    held: list[str] | None = None
    times = (0.0, 0.0)
    broken = 0

    def close(next_follows: bool) -> None:
        if held is not None:
            kept = held[: -1 if next_follows and _is_id(held) else None]
            kept = list(takewhile(lambda row: row != "", kept)) if vtt else kept
            events.append(Event(*times, "\n".join(kept)))

    for row in rows:
        if match := _TIMING.match(row):
            close(True)
            times, held = (_seconds(match[2]), _seconds(match[3])), [match[4]] if match[4] else []
        elif "-->" in row and ":" in row and len(row) < 200:
            close(True)
            held, broken = None, broken + 1
        elif held is not None:
            held.append(row)
    close(False)
    return events, broken


def _is_id(held: Sequence[str]) -> bool:
    """Whether the last row is the number or name of the cue that follows."""
    return bool(held and held[-1].strip()) and (
        held[-1].strip().isdecimal() or (len(held) > 1 and not held[-2].strip())
    )


def _substation(text: str) -> tuple[list[Event], int]:
    """Dialogue lines by the columns of the last Format line before them."""
    events: list[Event] = []
    fields = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    broken, inside = 0, True
    for row in text.split("\n"):
        key, _, rest = row.strip().partition(":")
        if key.startswith("["):
            inside = key.lower().startswith("[events")
        elif inside and key.lower() == "format":
            fields = [field.strip().lower() for field in rest.split(",")]
            fields = ["name" if field == "actor" else field for field in fields]
        elif inside and key.lower() == "dialogue":
            cells = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            start, end = (re.fullmatch(_TIME, cells.get(k, "").strip()) for k in ("start", "end"))
            if start and end and "text" in cells:
                speaker = one_line(cells.get("name", "")) or None
                events.append(Event(_seconds(start[0]), _seconds(end[0]), cells["text"], speaker, True))
            else:
                broken += 1
    return events, broken


def _seconds(stamp: str) -> float:
    """Seconds of "h:m:s.f" or "m:s.f"; a fraction counts by its digits, .5 being half a second."""
    stamp = stamp.replace(" ", "").replace(",", ".")
    sign, stamp = (-1, stamp[1:]) if stamp.startswith("-") else (1, stamp)
    whole, _, fraction = stamp.partition(".")
    parts = [int(part[:6]) for part in whole.split(":")]
    if len(parts) == 4:
        fraction = whole.rpartition(":")[2]
        parts.pop()
    hours, minutes, seconds = [0, *parts][-3:]
    return sign * (hours * 3600 + minutes * 60 + seconds + int(fraction.ljust(3, "0")) / 1000)


def _mended(events: Sequence[Event]) -> Iterator[Event]:
    """Ends that do not follow their start are set to reading speed, but not into the next cue."""
    for event, following in zip(events, (*events[1:], None), strict=False):
        start, end = max(0.0, event.start), event.end
        if event.end <= event.start:
            end = start + min(5.0, max(1.0, len(event.text) / 15))
            if following and following.start > start:
                end = min(end, following.start)
        yield replace(event, start=start, end=end)


def _turns(event: Event) -> Iterator[Turn]:
    """The event without markup, one turn for each voice in it, its rows apart."""
    first, *voices = _VOICE.split(event.text)
    parts = [(event.speaker, first), *((one_line(plain(n, False)) or None, t) for n, t in _pairs(voices))]
    for speaker, part in parts:
        rows: list[str] = []
        words: list[tuple[float, float, str]] = []
        for row in re.split(r"\n|\\N", part) if event.substation else part.split("\n"):
            if flat := one_line(plain(row, event.substation)):
                rows.append(flat)
                words += _words(row, event) if "<" in row else []
        if rows:
            yield Turn(event.start, event.end, tuple(rows), speaker, tuple(words))


def _line(turn: Turn) -> Line:
    """Word times are kept where they are there for the whole text."""
    text = " ".join(turn.rows)
    whole = "".join(word for _, _, word in turn.words).replace(" ", "") == text.replace(" ", "")
    return Line(turn.start, turn.end, text, turn.speaker, turn.words if whole else ())


def _pairs(flat: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _words(row: str, event: Event) -> list[tuple[float, float, str]]:
    """Times of the pieces between inline <00:00:01.000>: nothing where there are none or they make no sense."""
    first, *timed = _INLINE.split(row)
    if not timed:
        return []
    pieces = [(event.start, first), *((_seconds(t), piece) for t, piece in _pairs(timed))]
    said = [(time, flat) for time, piece in pieces if (flat := one_line(plain(piece, False)))]
    bounds = [*(time for time, _ in said), event.end]
    if bounds != sorted(bounds) or bounds[0] < event.start:
        return []
    return [(time, end, flat) for (time, flat), end in zip(said, bounds[1:], strict=True)]


def plain(text: str, substation: bool) -> str:
    """Without tags, override blocks, drawings, entities and invisible marks."""
    if substation or "{\\" in text:
        text = text.replace("\\h", " ").replace("\\n", " ").replace("\\N", " ")
    if substation:
        kept, drawing = [], False
        for part in _BRACES.split(text.replace("\\{", "(").replace("\\}", ")")):
            if part.startswith("{") and part.endswith("}"):
                drawing = next((d != "0" for d in reversed(_DRAWING.findall(part))), drawing)
            elif not drawing:
                kept.append(part)
        text = "".join(kept)
    else:
        text = _OVERRIDE.sub("", text)
    return _INVISIBLE.sub("", html.unescape(_TAG.sub("", text)))
