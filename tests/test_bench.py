"""The benches at a tiny size: what they make, that they yield figures, and how a figure is judged. No clock is."""

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from reelcue.evals import bench, bench_ingest, bench_memory, bench_search, clips, material, measure, sounds
from reelcue.index.library import Library
from reelcue.tools.base import Observation, Span
from reelcue.tools.errors import ToolFailed, ToolUnavailable, UsageError
from reelcue.tools.replay import read
from reelcue.tools.video import Video

TINY = measure.Size(
    footage=2,
    slides=2,
    hold=2,
    segments=30,
    videos=2,
    queries=8,
    questions=8,
    rounds=1,
    libraries=(40,),
    minutes=(1, 2),
)


def quiet(message: str) -> None:
    pass


def finite(result: measure.Result) -> bool:
    return all(math.isfinite(value) and value > 0 for value in (result.min, result.median, result.max))


@pytest.mark.parametrize(
    ("limits", "bar", "holds"),
    [
        ({"at_most": 2.0}, "<= 2", True),
        ({"at_most": 1.6}, "<= 1.6", False),
        ({"at_least": 2.0}, ">= 2", True),
        ({"at_least": 8.0}, ">= 8", False),
        ({}, None, True),
    ],
)
def test_a_figure_is_judged_by_its_median(limits: dict[str, float], bar: str | None, holds: bool) -> None:
    result = measure.Result.of("a.b", "something", "x", [9.0, 2.0, 1.0], **limits, part=3)
    assert (result.min, result.median, result.max, result.bar, result.holds) == (1.0, 2.0, 9.0, bar, holds)
    assert result.to_dict() == {
        "name": "a.b", "what": "something", "unit": "x", "min": 1.0, "median": 2.0, "max": 9.0, "bar": bar,
        "holds": holds, "detail": {"rounds": [9.0, 2.0, 1.0], "part": 3},
    }  # fmt: skip


def test_works_are_measured_in_turns() -> None:
    done: list[str] = []
    told: list[int] = []

    def work(name: str) -> Callable[[], object]:
        return lambda: done.extend(name * (2 if name == "b" else 1))

    spent = measure.in_turns({"a": work("a"), "b": work("b")}, 3, told.append, clock=lambda: float(len(done)))
    assert "".join(done) == "abbabbabb"
    assert spent == {"a": [1.0] * 3, "b": [2.0] * 3}
    assert told == [1, 2, 3]


def test_a_clip_has_every_frame_at_its_time(tmp_path: Path) -> None:
    pictures = [slide.picture((320, 180)) for slide in material.slides(3)]
    path = clips.write(tmp_path / "deck.mp4", pictures, fps=10, hold=5)
    video = Video(path, tmp_path / "media")
    assert video.picture is not None
    assert (video.picture.width, video.picture.height, video.picture.fps) == (320, 180, 10.0)
    assert video.duration == pytest.approx(1.5)
    assert [round(frame.time, 3) for frame in video.frames()] == [n / 10 for n in range(15)]
    assert clips.decode(path) == 15
    assert video.problems == []


def test_footage_is_cut_and_moves() -> None:
    size, fps = (64, 36), 4
    pictures = list(material.footage(2 * material.SCENE, fps, size))
    assert len(pictures) == 2 * material.SCENE * fps
    assert {picture.shape for picture in pictures} == {(36, 64, 3)}
    assert all((one != other).any() for one, other in pairwise(pictures))
    assert (pictures[0] == next(material.footage(1, fps, size))).all()


def test_material_is_the_same_in_each_run(tmp_path: Path) -> None:
    assert material.slides(3) == material.slides(3)
    asked = material.questions(Random(1), 16)
    assert asked == material.questions(Random(1), 16)
    assert len({question for _, question in asked}) > 8
    one = material.timeline(tmp_path / "a.jsonl", "a.mp4", 10)
    other = material.timeline(tmp_path / "b.jsonl", "a.mp4", 10)
    assert one.read_bytes() == other.read_bytes()
    kinds = [line.observation.kind for line in read(one)]
    assert {kind: kinds.count(kind) for kind in kinds} == {"speech": 10, "caption": 6, "text": 3}


def test_words_count_only_while_their_slide_is_shown() -> None:
    deck = [material.Slide("One", ["two three"]), material.Slide("Four", [])]
    seen = [
        Observation("ocr", "text", Span(0, 10), "one TWO"),
        Observation("ocr", "text", Span(0, 10), "four"),
    ]
    assert bench_ingest._words_read(deck, seen, 10) == 0.5


def test_ingest_bench(tmp_path: Path) -> None:
    told: list[str] = []
    footage, slides = bench_ingest.ingest(tmp_path, TINY, told.append)
    assert finite(footage) and finite(slides)
    assert footage.detail["shots"] == {"true": 1, "found": 1}
    assert slides.detail["keyframes"] == 2
    assert slides.detail["words_read"] > 0.9
    assert told


def test_search_bench(tmp_path: Path) -> None:
    results = list(bench_search.search(tmp_path, TINY, quiet))
    assert [result.name for result in results] == ["search.1", "answer.1", "search.2", "answer.2"]
    assert all(finite(result) for result in results)
    assert [result.bar for result in results] == ["<= 5", "<= 100", None, None]
    assert 20 <= results[0].detail["segments"] <= 40


def test_library_bench(tmp_path: Path) -> None:
    (result,) = bench_search.library(tmp_path, replace(TINY, libraries=(40,)), quiet)
    assert finite(result) and result.name == "library.40" and result.bar is None
    with Library(tmp_path / "40", tools=()) as lib:
        assert len(lib.store.outline()) == lib.store.segment_count() == 40
        words = lib.segments(lib.videos()[0].id)[3].text.split()
        assert len(words) == material.PASSAGE
        assert lib.search(" ".join(words[:6]), k=1)


def test_embed_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_search, "TEXTS", 4)
    (result,) = bench_search.embed(tmp_path, TINY, quiet)
    assert finite(result) and (result.bar, result.detail["texts"]) == (">= 40", 4)


def test_start_bench(tmp_path: Path) -> None:
    (result,) = bench.start(tmp_path, TINY, quiet)
    assert finite(result)
    assert result.median > result.detail["python"] > 0
    assert "Usage" in subprocess.run(bench.HELP, check=True, capture_output=True, text=True).stdout


def test_a_repeated_clip_goes_on_where_it_ended(tmp_path: Path) -> None:
    pictures = list(material.lecture(3, 1, 5, (320, 180)))
    assert len(pictures) == 5 * (3 + material.SCENE)
    once = clips.write(tmp_path / "once.mp4", pictures, fps=5)
    thrice = Video(clips.repeat(tmp_path / "thrice.mp4", once, 3), tmp_path)
    assert thrice.duration == pytest.approx(3 * len(pictures) / 5) and thrice.problems == []
    assert [round(frame.time, 3) for frame in thrice.frames()] == [n / 5 for n in range(3 * len(pictures))]


LINUX = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is measured on Linux only")


class TestMemory:
    @LINUX
    def test_of_a_command_and_its_children_is_summed(self, tmp_path: Path) -> None:
        child = "held = b'x' * 60_000_000; import time; time.sleep(1)"
        parent = f"held = b'x' * 40_000_000; import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        peak = bench_memory.watched([sys.executable, "-c", parent], tmp_path / "said.txt")
        assert 100e6 < peak < 160e6

    @LINUX
    def test_of_a_command_that_fails_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed, match="ended with 3: no such thing"):
            bench_memory.watched(
                [sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"], tmp_path / "said"
            )

    def test_is_not_measured_where_the_system_does_not_tell(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bench_memory, "PROC", tmp_path)
        with pytest.raises(ToolUnavailable, match="run another bench on this system"):
            list(bench_memory.memory(tmp_path, TINY, quiet))

    @LINUX
    def test_is_told_for_two_lengths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def watched(command: list[str], said: Path) -> int:
            asked.append(Path(command[6]).name)
            return len(asked) * 400_000_000

        monkeypatch.setattr(bench_memory, "watched", watched)
        monkeypatch.setattr(bench_memory, "SLIDES", 1)
        monkeypatch.setattr(bench_memory, "HOLD", 1)
        peak, growth = bench_memory.memory(tmp_path, replace(TINY, minutes=(1, 2)), quiet)
        long = Video(tmp_path / "2.mp4", tmp_path)
        assert asked == ["1.mp4", "2.mp4"] and long.duration == pytest.approx(120, 0.1)
        heard = sum(len(piece) for _, piece in long.sound(None, sounds.RATE)) / sounds.RATE
        assert heard == pytest.approx(long.duration, 0.05) and long.problems == []
        assert (peak.median, peak.holds, growth.median, growth.holds) == (800, True, 2, False)


def test_run_picks_a_bench_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(bench, "QUICK", replace(TINY, rounds=2))
    results = bench.run("start", quick=True)
    assert [result.name for result in results] == ["start.help"]
    assert len(results[0].detail["rounds"]) == 2
    assert list(tmp_path.iterdir()) == []
    names = "ingest, memory, search, library, embed, sound, start"
    with pytest.raises(UsageError, match=f"no bench 'all'; there are {names}"):
        bench.run("all", quick=True)
