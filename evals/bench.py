"""How fast reelcue is, against limits: ingest beside bare decoding, a search, an answer, a start.

Every bench makes its own material, and measures what it compares with in turns with what is compared.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean, median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Self

from ..agent.agent import Agent
from ..index.library import Library
from ..index.scope import Scope
from ..tools.base import FrameTool, Observation, Tool
from ..tools.errors import ToolUnavailable, UsageError
from ..tools.registry import make
from ..tools.text import fold
from ..tools.video import Video
from . import clips, material

OnEvent = Callable[[str], None]
Call = tuple[float, float]  # milliseconds of one call on the wall and of CPU
FPS = 25
HELP = [sys.executable, "-m", "reelcue.ui.cli", "--help"]


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: its least, middle and greatest value over the rounds. `holds` when `median` keeps within `bar`.

    `unit` is x for a ratio; `bar` the limit as "<= 1.6", None for a figure that is told for comparison and always
    holds. `detail` is JSON: the value of every round, and the parts that the figure is made of.
    """

    name: str
    what: str
    unit: str
    min: float
    median: float
    max: float
    bar: str | None
    holds: bool
    detail: Mapping[str, Any]

    @classmethod
    def of(
        cls, name: str, what: str, unit: str, rounds: Sequence[float], *,
        at_most: float | None = None, at_least: float | None = None, **detail: Any,
    ) -> Self:  # fmt: skip
        middle = median(rounds)
        holds = (at_most is None or middle <= at_most) and (at_least is None or middle >= at_least)
        bar = f"<= {at_most:g}" if at_most is not None else f">= {at_least:g}" if at_least is not None else None
        detail = {"rounds": [_short(value) for value in rounds], **detail}
        return cls(name, what, unit, min(rounds), middle, max(rounds), bar, holds, detail)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "what": self.what, "unit": self.unit, "min": _short(self.min),
            "median": _short(self.median), "max": _short(self.max), "bar": self.bar, "holds": self.holds,
            "detail": dict(self.detail),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: seconds of footage, slides of `hold` seconds, segments of each video, and so on."""

    footage: float
    slides: int
    hold: int
    segments: int
    videos: int
    queries: int
    questions: int
    rounds: int


FULL = Size(footage=120, slides=60, hold=20, segments=2000, videos=20, queries=200, questions=16, rounds=4)
QUICK = Size(footage=30, slides=12, hold=20, segments=2000, videos=3, queries=200, questions=16, rounds=3)


def run(name: str | None, quick: bool, on_event: OnEvent = lambda message: None) -> list[Result]:
    """Runs the bench of this name, or all; `quick` with less material and fewer rounds.

    `on_event` is told what goes on. Nothing stays on the disk, also not after an interruption. Raises
    UsageError for an unknown name, ToolUnavailable for a package that is missing.
    """
    if name is not None and name not in BENCHES:
        raise UsageError(f"no bench {name!r}; there are {', '.join(BENCHES)}")
    results: list[Result] = []
    for bench in [BENCHES[name]] if name else BENCHES.values():
        with TemporaryDirectory(prefix="reelcue-bench-") as folder:
            results += bench(Path(folder), QUICK if quick else FULL, on_event)
    return results


# Ingest


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
        megabits=_short(clip.stat().st_size * 8e-6 / size.footage),
        cpu_seconds={part: _short(median(rounds)) for part, rounds in spent.items()},
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
    parts = {part: _short(median(rounds)) for part, rounds in spent.items()}
    return Result.of(
        "ingest.slides",
        "scanning and reading a 720p slide deck, in times of realtime on one core",
        "x",
        [seconds / (scanning + reading) for scanning, reading in zip(spent["scan"], spent["ocr"], strict=True)],
        at_least=8,
        seconds=seconds,
        cpu_seconds=parts,
        keyframes=keyframes,
        ocr_ms_per_keyframe=_short(1000 * median(spent["ocr"]) / max(1, keyframes)),
        words_read=_short(_words_read(deck, lines, size.hold)),
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


# Search and answers


def search(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Searches and answers without a model, in a library of one video and in one of several."""
    for videos in dict.fromkeys((1, size.videos)):
        on_event(f"search: making a library of {videos} videos with {size.segments} segments each")
        with Library(folder / str(videos), tools=("replay",)) as lib:
            for n in range(videos):
                lib.add([material.timeline(folder / f"{n}.jsonl", f"talk {n}.mp4", size.segments, n)])
            yield from _searched(lib, size, on_event)


def _searched(lib: Library, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Milliseconds of a search and of an answer over all videos of the library; both bars are for one video."""
    videos = lib.videos()
    random, scope, agent = Random(1), Scope(videos=tuple(video.id for video in videos)), Agent(lib)
    searches: list[list[Call]] = []
    answers: list[list[Call]] = []
    lib.search("warm up", scope=scope)
    for n in range(size.rounds):
        on_event(f"search: {len(videos)} videos, round {n + 1} of {size.rounds}")
        queries = [material.phrase(random) for _ in range(size.queries)]
        asked = material.questions(random, size.questions)
        searches.append([_timed(partial(lib.search, query, scope=scope)) for query in queries])
        answers.append([_timed(partial(agent.ask, question, scope=scope)) for _, question in asked])
    one = len(videos) == 1
    where = "one video" if one else f"{len(videos)} videos"
    about = {
        "videos": len(videos),
        "segments": sum(len(lib.segments(video.id)) for video in videos),
        "space": lib.embedder.space if lib.embedder else None,
    }
    types = [type for type, _ in asked]
    yield _latency(f"search.{len(videos)}", f"warm search in {where}, median", searches, 5 if one else None, about)
    yield _latency(
        f"answer.{len(videos)}", f"warm answer from {where}, median", answers, 100 if one else None,
        about | {"median_by_type": _by_type(types, answers)},
    )  # fmt: skip


def _latency(
    name: str, what: str, rounds: Sequence[Sequence[Call]], limit: float | None, about: Mapping[str, Any]
) -> Result:
    """From (wall, CPU) milliseconds of each call in each round."""
    walls = [[wall for wall, _ in calls] for calls in rounds]
    return Result.of(
        name, what, "ms", [median(calls) for calls in walls], at_most=limit,
        p95=_short(median(quantiles(calls, n=20, method="inclusive")[-1] for calls in walls)),
        cpu_mean=_short(fmean(cpu for calls in rounds for _, cpu in calls)),
        calls=len(rounds[0]), **about,
    )  # fmt: skip


def _by_type(types: Sequence[str], rounds: Sequence[Sequence[Call]]) -> dict[str, float]:
    return {
        type: _short(median(calls[i][0] for calls in rounds for i in range(len(types)) if types[i] == type))
        for type in dict.fromkeys(types)
    }


# Start


def start(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """CPU time of the shortest command in a process of its own, against that of Python."""
    works = {
        "python": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "help": lambda: subprocess.run(HELP, check=True, stdout=subprocess.DEVNULL),
    }
    works["help"]()  # compiles the modules where that was not done yet
    spent = in_turns(works, size.rounds, lambda n: on_event(f"start: round {n} of {size.rounds}"), _children)
    yield Result.of(
        "start.help",
        "reelcue --help",
        "CPU s",
        spent["help"],
        at_most=0.5,
        python=_short(median(spent["python"])),
        times_python=_short(median(ours / bare for ours, bare in zip(spent["help"], spent["python"], strict=True))),
    )


BENCHES: Mapping[str, Callable[[Path, Size, OnEvent], Iterator[Result]]] = {
    "ingest": ingest,
    "search": search,
    "start": start,
}


# Clocks


def in_turns(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    on_round: Callable[[int], None] = lambda number: None,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """What each work takes by `clock` in each round, in turns (A B A B), so that a busy machine hits all alike.

    The default clock is CPU time of this process with all its threads.
    """
    spent: dict[str, list[float]] = {name: [] for name in works}
    for number in range(1, rounds + 1):
        on_round(number)
        for name, work in works.items():
            began = clock()
            work()
            spent[name].append(clock() - began)
    return spent


def _children() -> float:
    """CPU seconds of the child processes that have ended. Raises ToolUnavailable where the system does not tell."""
    try:
        import resource
    except ImportError as error:
        raise ToolUnavailable("the start cannot be measured on this system; run another bench") from error
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(work: Callable[[], object]) -> Call:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
