"""What a file says of its tracks, and the cues of its subtitle tracks. Tracks are those of PyAV."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .text import line

BITMAPS = {"hdmv_pgs_subtitle": "PGS", "dvb_subtitle": "DVB", "dvd_subtitle": "VobSub", "xsub": "XSUB"}
JUMP = 1.0  # seconds: a clock that falls back further than this was started again
SPARSE = 12.0  # seconds without a key packet from which the pictures between two of them are wanted too
FEW = 4  # key packets; of a track with fewer all pictures are wanted
CUE_SECONDS = 4.0  # how long a cue without an end is shown, at most


@dataclass(frozen=True, slots=True)
class Stream:
    """One track of a file. Width and height are as coded, before rotation; they and fps are 0 where not a picture."""

    index: int
    kind: str  # "video", "audio" or "subtitle"
    codec: str
    language: str | None
    title: str | None
    default: bool
    forced: bool
    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class Cue:
    """One event of a subtitle track: raw text as the track holds it, with ASS tags and line breaks (\\N) if any."""

    start: float
    end: float
    text: str
    stream: Stream


@dataclass(slots=True)
class Extent:
    """Where a track ends, from its packets in the order of the file. Joined recordings start their clock again: then
    the times that follow count from the end of what came before (`jumped`).
    """

    unit: float  # seconds per tick of the track's clock
    step: float  # seconds that a packet without a time lasts
    packets: int = 0
    jumped: bool = False
    end: float = -math.inf
    _shift: float = 0.0
    _latest: float = -math.inf
    _keys: int = 0
    _key: tuple[int, float] = (0, 0.0)  # number and second of the last key packet
    _sparse: list[range] = field(default_factory=list)

    @property
    def sparse(self) -> tuple[range, ...]:
        """Numbers of the packets, in the order of the file, from a key packet to the next one where that is more than
        SPARSE seconds later: to see anything of these seconds all of them have to be decoded. All packets where there
        are FEW, and where only counting all pictures tells their times."""
        if self._keys < FEW or self.jumped:
            return (range(self.packets),)
        number, second = self._key
        last = (range(number, self.packets),) if self.end - second > SPARSE else ()
        return (*self._sparse, *last)

    def add(self, presented: int | None, decoded: int | None, ticks: int | None, key: bool = True) -> None:
        if key:
            if self.end - self._key[1] > SPARSE:
                self._sparse.append(range(self._key[0], self.packets))
            self._keys += 1
            self._key = self.packets, max(self.end, 0.0)
        self.packets += 1
        seconds = (ticks or 0) * self.unit or self.step
        stamp = presented if presented is not None else decoded
        if stamp is None:
            self.end = max(self.end, 0.0) + seconds
            return
        clock = (decoded if decoded is not None else stamp) * self.unit
        if clock < self._latest - JUMP:
            self.jumped = True
            self._shift = self.end - stamp * self.unit
        self._latest = clock
        self.end = max(self.end, stamp * self.unit + self._shift + seconds)


def kept(track: Any) -> bool:
    """Whether a track is pictures, sound or subtitles; cover art and chapter images are none of these."""
    extra = {flag.name for flag in track.disposition} & {"attached_pic", "timed_thumbnails"}
    return track.type in ("video", "audio", "subtitle") and not extra


def describe(track: Any) -> Stream:
    """A track whose codec this FFmpeg lacks has the codec "unknown"."""
    coder, picture = track.codec_context, track.type == "video"
    flags = {flag.name for flag in track.disposition}
    language = line(track.metadata.get("language", ""))
    return Stream(
        index=track.index,
        kind=track.type,
        codec=coder.codec.canonical_name if coder else "unknown",
        language=None if language in ("", "und") else language,
        title=line(track.metadata.get("title", "")) or None,
        default="default" in flags,
        forced="forced" in flags,
        width=coder.width if coder and picture else 0,
        height=coder.height if coder and picture else 0,
        fps=float(track.average_rate or 0) if picture else 0.0,
    )


def step(track: Any) -> float:
    """Seconds from one picture to the next by the frame rate; 0 for sound."""
    return 1 / float(track.average_rate or 25) if track.type == "video" else 0.0


def claim(track: Any, start: float) -> float:
    """Second at which a track should end by what the file says of it; 0 where it says nothing."""
    if track.duration:
        return float((track.duration + (track.start_time or 0)) * track.time_base) - start
    hours, _, rest = track.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start
    except ValueError:
        return 0.0


def event_text(event: Any) -> str:
    """Text of an ASS event, which has eight fields before it; "" for a picture."""
    return event.ass.decode("utf-8", "replace").split(",", 8)[-1] if hasattr(event, "ass") else ""


def ended(cues: Iterable[Cue]) -> Iterator[Cue]:
    """The cues; one without an end is shown until the next one starts, for CUE_SECONDS at most."""
    held: Cue | None = None
    for cue in cues:
        if held:
            yield _ended(held, cue.start)
        held = cue
    if held:
        yield _ended(held, math.inf)


def _ended(cue: Cue, following: float) -> Cue:
    if cue.end > cue.start:
        return cue
    shown = min(CUE_SECONDS, following - cue.start) if following > cue.start else CUE_SECONDS
    return replace(cue, end=cue.start + shown)
