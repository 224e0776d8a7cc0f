"""How fast videos are read: ingest beside bare decoding, and a slide deck against its length."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from ..tools.base import FrameTool, Observation, Tool
from ..tools.registry import make
from ..tools.text import fold
from ..tools.video import Video
from . import clips, material
from .measure import OnEvent, Result, Size, in_turns, short

FPS = 25


def ingest(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Decoding and scanning against bare decoding; scanning and reading a slide deck against its length."""
    yield _footage(folder, size, on_event)
    yield _deck(folder, size, on_event)


def _footage(folder: Path, size: Size, on_event: OnEvent) -> Result:
    on_event(f"ingest: making {size.footage:g} s of 720p footage")
    clip = clips.write(folder / "footage.mp4", material.footage(size.footage, FPS), FPS)
    shots: list[Observation] = []

    def scanned() -> None:
        shots[:] = scan(Video(clip, folder))

    def read() -> None:
        for _ in Video(clip, folder).frames():
            pass

    works = {"bare decoding": lambda: clips.decode(clip), "frames": read, "scan": scanned}
    spent = in_turns(works, size.rounds, lambda n: on_event(f"ingest: footage, round {n} of {size.rounds}"))
    return Result.of(
        "ingest.scan",
        "decoding and scanning 720p H.264, in CPU time of bare decoding",
        "x",
        [ours / bare for ours, bare in zip(spent["scan"], spent["bare decoding"], strict=True)],
        at_most=1.6,
        seconds=size.footage,
        megabits=short(clip.stat().st_size * 8e-6 / size.footage),
        cpu_seconds={part: short(median(rounds)) for part, rounds in spent.items()},
        shots={"true": -(-size.footage // material.SCENE), "found": sum(one.kind == "shot" for one in shots)},
    )


def _deck(folder: Path, size: Size, on_event: OnEvent) -> Result:
    seconds, deck = size.slides * size.hold, material.slides(size.slides)
    on_event(f"ingest: making a slide deck of {seconds / 60:g} min")
    clip = clips.write(folder / "deck.mp4", (slide.picture() for slide in deck), FPS, hold=size.hold * FPS)
    reader = make("ocr")
    assert isinstance(reader, Tool)
    shots: list[Observation] = []
    lines: list[Observation] = []

    def scanned() -> None:
        shots[:] = scan(Video(clip, folder))

    def read() -> None:
        lines[:] = reader.observe(Video(clip, folder), None, shots)

    works = {"bare decoding": lambda: clips.decode(clip), "scan": scanned, "ocr": read}
    rounds = max(1, size.rounds // 2)
    spent = in_turns(works, rounds, lambda n: on_event(f"ingest: slide deck, round {n} of {rounds}"))
    keyframes = sum(len(one.data.get("keyframes", ())) for one in shots)
    parts = {part: short(median(rounds)) for part, rounds in spent.items()}
    return Result.of(
        "ingest.slides",
        "scanning and reading a 720p slide deck, in times of realtime on one core",
        "x",
        [seconds / (scanning + reading) for scanning, reading in zip(spent["scan"], spent["ocr"], strict=True)],
        at_least=8,
        seconds=seconds,
        cpu_seconds=parts,
        keyframes=keyframes,
        ocr_ms_per_keyframe=short(1000 * median(spent["ocr"]) / max(1, keyframes)),
        words_read=short(_words_read(deck, lines, size.hold)),
    )


def scan(video: Video) -> list[Observation]:
    """One decode pass for the scan tool alone, as ingest makes it."""
    tool = make("scan")
    assert isinstance(tool, FrameTool)
    tool.start(video, None)
    found = [one for frame in video.frames(rate=tool.rate) for one in tool.see(frame)]
    return [*found, *tool.finish()]


def _words_read(deck: Sequence[material.Slide], lines: Sequence[Observation], hold: int) -> float:
    """Share of the words on the slides that were read while their slide was shown: speed alone is worth nothing."""
    there = read = 0
    for n, slide in enumerate(deck):
        middle = (n + 0.5) * hold
        shown = (one.text for one in lines if one.span.start <= middle < one.span.end)
        seen = set(fold(" ".join(shown)).split())
        words = set(fold(" ".join((slide.title, *slide.lines))).split())
        there, read = there + len(words), read + len(words & seen)
    return read / there
