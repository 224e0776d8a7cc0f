"""Subtitles: what is said, from subtitle files beside the video or, where there are none, from its text tracks."""

import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .base import Observation, Span
from .cues import Event, Line, Script, lines_of, read
from .errors import SubtitleError, VideoError
from .languages import language_tag, script_language
from .text import fold

if TYPE_CHECKING:
    from .video import Video

SUFFIXES = (".vtt", ".ass", ".ssa", ".srt")  # the one that can hold more about speakers and words first
# What else a name may say between the video's name and the suffix, and how much it puts the file behind others.
MARKS = {"default": 0, "full": 0, "sub": 0, "subs": 0, "subtitles": 0, "captions": 0, "transcript": 0}
MARKS |= {"sdh": 1, "cc": 1, "hi": 1, "auto": 2, "asr": 2, "whisper": 2, "forced": 3}
# What the names of videos and recordings of sound end in.
MEDIA = frozenset(
    ".3g2 .3gp .aac .asf .avi .flac .flv .gif .m2ts .m4a .m4v .mka .mkv .mov .mp3 .mp4 .mpeg .mpg .mts .mxf .oga .ogg "
    ".ogv .opus .ts .vob .wav .webm .wma .wmv".split()
)
NOT_SPEECH = frozenset(["chapters", "descriptions", "metadata"])  # values of "Kind:" in WebVTT
TICK_NS = 2_000_000_000  # of the coarsest clock that a file system has
SAME = 0.5  # share of lines already told by another file, from which a file is a copy of it


@dataclass(frozen=True, slots=True)
class Source:
    """Lines of one file or track and how they are told apart: the file's name or "track 2".

    `forced` ones tell only what nobody understands, such as signs and a few words in another language.
    """

    name: str
    language: str | None
    lines: tuple[Line, ...]
    forced: bool = False


class Subtitles:
    """Yields `speech`, one observation for each cue, with language, speaker and word times where they are known.

    `files` are read instead of the files beside the video, and must be readable; of those beside it, one for each
    language: <name>[.<language>][.forced|.sdh|...].{srt,vtt,ass,ssa}. What could not be used is added to
    `video.problems`. Raises SubtitleError for one of `files` that cannot be read.
    """

    name: ClassVar[str] = "subtitles"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("speech",)
    needs: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[float] = 0.02
    digest: str | None = None

    def __init__(self, files: Sequence[str] = ()) -> None:
        self.options: Mapping[str, Any] = {"files": [str(file) for file in files]}

    def sidecars(self, video: "Video") -> Sequence[Path]:
        """The files of the option that exist, or those beside the video, the best one for each language first."""
        if self.options["files"]:
            return [path for path in map(Path, self.options["files"]) if path.is_file()]
        found = [
            (language or "", rank, SUFFIXES.index(path.suffix.lower()), path)
            for path, language, rank in _beside(video.path)
        ]
        return [path for *_, path in sorted(found)]

    def observe(self, video: "Video", span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        rows = [
            Observation(self.name, "speech", Span(line.start, line.end), line.text, data=_data(source, line))
            for source in _distinct(self._sources(video))
            for line in _within(video, source)
        ]
        wanted = (row for row in rows if span is None or row.span.overlap(span) > 0)
        return iter(sorted(wanted, key=lambda row: row.span.start))

    def _sources(self, video: "Video") -> Iterator[Source]:
        if named := [Path(file) for file in self.options["files"]]:
            for path in named:
                yield from _speech(video, path.name, read(path, _language(path)), _language(path))
            return
        told: set[str | None] = set()
        for path in self.sidecars(video):
            if (language := _language(path)) in told:
                continue
            try:
                sources = list(_speech(video, path.name, read(path, language), language))
            except SubtitleError as error:
                video.note(str(error))
                continue
            if sources:
                told.add(language)
            yield from sources
        if not told:
            yield from _tracks(video)


def _beside(video: Path) -> Iterator[tuple[Path, str | None, int]]:
    """Subtitle files named after the video, with the language and rank that their names say.

    talk.en.srt is not of talk.mp4 where there is a talk.en.mp4.
    """
    folder = video.absolute().parent
    files = [folder / name for name in _beginning(folder, f"{video.stem}.")]
    media = MEDIA | {video.suffix.lower()}
    others = {f.stem for f in files if f.suffix.lower() in media and len(f.stem) > len(video.stem)} - {video.name}
    for file in files:
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        for name in (video.name, video.stem):
            rest = file.stem.removeprefix(name)
            if file.stem.startswith(name) and (tags := _tags(rest)):
                if not any(f"{file.stem}.".startswith(f"{other}.") for other in others):
                    yield file, *tags
                break


def _beginning(folder: Path, start: str) -> Sequence[str]:
    """Names in a folder that begin so, in order."""
    try:
        changed = folder.stat().st_mtime_ns
        # What came within the last tick of the file system's clock would not be seen by the time of change.
        fresh = abs(time.time_ns() - changed) < TICK_NS
        names = _listed.__wrapped__(folder, changed) if fresh else _listed(folder, changed)
    except OSError:
        return ()
    return beginning(names, start)


def beginning(names: Sequence[str], start: str) -> Sequence[str]:
    """Of names in order, those that begin so."""
    first = bisect_left(names, start)
    return names[first : bisect_left(names, start + chr(0x10FFFF), first)]


@lru_cache(maxsize=16)
def _listed(folder: Path, changed: int) -> Sequence[str]:
    """All names in a folder as it was at its last time of change: thousands of videos ask for those of one folder."""
    return sorted(os.listdir(folder))  # noqa: PTH208  a name is all that is wanted of thousands


def _tags(rest: str) -> tuple[str | None, int] | None:
    """Language and rank in ".en.forced"; None where it says anything else."""
    start, *tags = rest.split(".")
    if start:
        return None
    language, rank = None, 0
    for tag in tags:
        if language is None and (code := language_tag(tag)):
            language = code
        elif tag.casefold() in MARKS:
            rank = max(rank, MARKS[tag.casefold()])
        else:
            return None
    return language, rank


def _language(path: Path) -> str | None:
    """The language at the end of a file's name: talk.en.srt, en.srt, talk.zh-CN.forced.vtt."""
    parts = path.stem.split(".")
    found = (_tags("".join(f".{part}" for part in parts[i:])) for i in range(len(parts)))
    return next((tags[0] for tags in found if tags), None)


def _speech(video: "Video", name: str, script: Script, language: str | None, forced: bool = False) -> Iterator[Source]:
    for note in script.notes:
        video.note(f"{name}: {note}")
    if script.kind in NOT_SPEECH:
        video.note(f"{name}: holds {script.kind}, not speech; not read")
    elif script.lines:
        text = " ".join(line.text for line in script.lines[:200])
        spoken = language or language_tag(script.language) or script_language(text)
        yield Source(name, spoken, script.lines, forced or "forced" in name.casefold().split("."))


def _tracks(video: "Video") -> Iterator[Source]:
    """The text tracks, one for each language: whole ones before forced ones, and the default one first."""
    tracks = [stream for stream in video.streams if stream.kind == "subtitle"]
    told: set[str] = set()
    for stream in sorted(tracks, key=lambda s: (s.forced, not s.default, s.index)):
        language = language_tag(stream.language)
        if language in told:
            continue
        try:
            events = [Event(cue.start, cue.end, cue.text, substation=True) for cue in video.subtitles(stream)]
        except VideoError as error:
            video.note(str(error))
            continue
        lines, notes = lines_of(events)
        if lines and language:
            told.add(language)
        yield from _speech(video, f"track {stream.index}", Script(lines, notes=notes), language, stream.forced)


def _distinct(sources: Iterator[Source]) -> Iterator[Source]:
    """Without those that tell for the most part what another one of the same or of no known language tells already."""
    told: list[tuple[str | None, set[str]]] = []
    for source in sources:
        texts = [fold(line.text) for line in source.lines]
        near = [known for language, known in told if not (language and source.language) or language == source.language]
        if not any(sum(text in known for text in texts) > SAME * len(texts) for known in near):
            told.append((source.language, set(texts)))
            yield source


def _within(video: "Video", source: Source) -> Iterator[Line]:
    """Lines that start within the video, cut at its end."""
    late = sum(line.start >= video.duration for line in source.lines)
    if late:
        video.note(
            f"{source.name}: {late} of {len(source.lines)} cues start after the end of the video and were left out"
            + ("; do they belong to another video?" if late * 2 > len(source.lines) else ""),
        )
    for line in source.lines:
        if line.start < video.duration:
            yield replace(line, end=min(line.end, video.duration))


def _data(source: Source, line: Line) -> dict[str, Any]:
    words = [[start, end, text, None] for start, end, text in line.words]
    data = {"language": source.language, "speaker": line.speaker, "words": words, "source": source.name,
            "forced": source.forced}  # fmt: skip
    return {key: value for key, value in data.items() if value}
