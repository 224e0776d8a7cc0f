"""Levels: what a sparing look at a video sees, and that it takes nothing away from a thorough one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import clips
import pytest
from clips import Pictures, Sound, every, opened, read, stamped, write
from contract import check_tool
from outside import Plates, clip

from reelcue.index import library
from reelcue.index.library import Library
from reelcue.tools.base import Observation, Span
from reelcue.tools.errors import ToolUnavailable, UsageError
from reelcue.tools.ocr import FEW, TextReader
from reelcue.tools.registry import LEVELS, TOOLS, make
from reelcue.tools.scan import Scan
from reelcue.tools.streams import SPARSE
from reelcue.tools.video import Video

SHARED = pytest.mark.skipif(not clips.SHARED.is_dir(), reason="no public clips here")


@pytest.fixture(autouse=True)
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)


def keyed(path: Path, seconds: float, every_: int, fps: int = 10, **more: Any) -> Video:
    """A clip with a key picture every so many pictures, and at no other place."""
    options = {"g": str(every_), "keyint_min": str(every_), "sc_threshold": "0", **more.pop("options", {})}
    return opened(write(path, Pictures(every(fps, seconds), fps=fps, options=options, **more)))


def seen(video: Video, rate: float | None = None, **more: Any) -> list[tuple[float, float]]:
    return [(round(f.time, 3), read(f.luma())) for f in video.frames(rate=rate, keys=True, **more)]


def decoded(video: Video, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets of pictures are decoded for its key pictures."""
    packets: list[int] = []
    decode = Video._decode

    def counting(self: Video, packet: Any, *more: Any) -> list[Any]:
        packets.append(packet.size)
        return decode(self, packet, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Video, "_decode", counting)
        assert list(video.frames(rate=2.0, keys=True))
    return sum(size > 0 for size in packets)


class TestKeyPictures:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
    def test_come_alone_and_at_their_own_times(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        video = keyed(tmp_path / name, 10, 20, options={"bf": "0"})
        assert seen(video) == [(n, n) for n in (0, 2, 4, 6, 8)]
        assert decoded(video, monkeypatch) == 5

    def test_with_pictures_out_of_order_too(self, tmp_path: Path) -> None:
        assert seen(keyed(tmp_path / "a.mp4", 10, 20, options={"bf": "3"})) == [(n, n) for n in (0, 2, 4, 6, 8)]

    def test_of_a_decoder_that_cannot_skip(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        video = keyed(tmp_path / "a.webm", 10, 20, codec="libvpx-vp9", options={"auto-alt-ref": "0"})
        assert seen(video) == [(n, n) for n in (0, 2, 4, 6, 8)]
        assert decoded(video, monkeypatch) == 5

    def test_within_a_span(self, tmp_path: Path) -> None:
        video = keyed(tmp_path / "a.mp4", 10, 20)
        assert seen(video, span=Span(3, 7)) == [(2, 2), (4, 4), (6, 6)]

    def test_are_thinned_where_each_picture_is_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        video = keyed(tmp_path / "a.avi", 4, 1, codec="mjpeg", pixels="yuvj420p")
        assert seen(video, rate=2.0) == [(n / 2, n / 2) for n in range(8)]
        assert decoded(video, monkeypatch) == 8

    def test_make_room_for_others_where_they_are_few(self, tmp_path: Path) -> None:
        video = keyed(tmp_path / "one.mp4", 4, 250)
        assert seen(video, rate=2.0) == [(n / 2, n / 2) for n in range(8)]

    def test_make_room_for_others_where_they_are_far_apart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        far = SPARSE + 3

        def paint(time: float) -> clips.Pixels:
            """A scene of two seconds, then a long one, then short ones again."""
            scene = time // 2 if time < 8 else 4 if time < 8 + far else 5 + (time - 8 - far) // 2
            return clips.slide([f"{scene}"]) if scene % 2 else stamped(scene)

        options = {"g": "1000", "keyint_min": "1"}
        pictures = Pictures(every(5, 16 + far), paint, fps=5, options=options)
        video = opened(write(tmp_path / "a.mp4", pictures))
        times = [frame.time for frame in video.frames(rate=2.0, keys=True)]
        assert [time for time in times if time < 8] == [0, 2, 4, 6]
        assert [time for time in times if time >= 8 + far] == [8 + far, 10 + far, 12 + far, 14 + far]
        assert sum(8 <= time < 8 + far for time in times) > far  # more than one in a second
        assert decoded(video, monkeypatch) == 4 + 5 * far + 4

    def test_are_not_told_apart_where_the_clock_starts_again(self, tmp_path: Path) -> None:
        for n in range(2):
            keyed(tmp_path / f"{n}.ts", 20, 20)
        (tmp_path / "all.ts").write_bytes(b"".join((tmp_path / f"{n}.ts").read_bytes() for n in range(2)))
        video = opened(tmp_path / "all.ts")
        assert video.duration > 39
        times = [frame.time for frame in video.frames(rate=2.0, keys=True)]
        assert times == [frame.time for frame in video.frames(rate=2.0)]

    def test_of_sound_alone_are_none(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.m4a", Sound([(0, 1)])))
        assert list(video.frames(keys=True)) == [] and video.shown == 0.0


def scan(video: Video) -> list[Observation]:
    tool = make("scan", LEVELS["fast"]["scan"])
    assert isinstance(tool, Scan)
    tool.start(video, None)
    return [found for frame in video.frames(rate=tool.rate, keys=True) for found in tool.see(frame)] + [*tool.finish()]


class TestScan:
    def test_finds_scenes_that_begin_with_a_key_picture(self, tmp_path: Path) -> None:
        def paint(time: float) -> clips.Pixels:
            return clips.slide([f"{time // 4}"], (320, 180)) if time // 4 % 2 else stamped(time // 4 * 7, (320, 180))

        video = keyed(tmp_path / "a.mp4", 16, 20, paint=paint)
        found = scan(video)
        assert [o.span.start for o in found] == [0, 4, 8, 12] and {o.kind for o in found} == {"shot"}
        assert [o.span.end for o in found] == pytest.approx([4, 8, 12, 16])
        assert all(o.data["keyframes"] and "motion" not in o.data for o in found)
        assert all((video.folder / path).is_file() for o in found for _, path in o.data["keyframes"])

    def test_the_last_shot_goes_on_to_the_end_of_the_pictures(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 9)), Sound([(0, 12)])))
        assert scan(video)[-1].span.end == pytest.approx(9, abs=0.15)

    @SHARED
    @pytest.mark.slow
    def test_most_cuts_of_public_clips_lie_where_a_shot_begins(self, tmp_path: Path) -> None:
        video = Video(clips.SHARED / "sample" / "sample.mp4", tmp_path)
        assert len([o for o in scan(video) if o.kind == "shot"]) >= 12  # of 24


class TestReading:
    @staticmethod
    def shots(times: Sequence[float], end: float, of: int = 1) -> list[Observation]:
        starts = [time for n, time in enumerate(times) if n % of == 0]
        return [
            Observation("scan", "shot", Span(a, b), "shot", data={"keyframes": [[t, "k"] for t in times if a <= t < b]})
            for a, b in zip(starts, [*starts[1:], end], strict=True)
        ]

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Times of the pictures that were read."""
        times: list[float] = []
        from reelcue.tools import ocr

        class Reader:
            def __init__(self, *_: int) -> None: ...

            def read(self, time: float, picture: Any, cut: bool) -> list[Any]:
                times.append(time)
                return []

        monkeypatch.setattr(ocr, "PageReader", Reader)
        monkeypatch.setattr(ocr, "_load", lambda *_: stamped(0))
        return times

    def test_few_pictures_of_an_hour_that_stood_longest(self, tmp_path: Path, asked: list[float]) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures([0.0])))
        times = sorted([*range(0, 3600, 10), *(t + 1 for t in range(0, 3600, 60))])  # the one at 1 s stands 9 s
        list(TextReader(per_hour=60).observe(video, None, self.shots(times, 3600)))
        assert len(asked) == 60 and [int(time // 60) for time in asked] == [*range(60)]
        assert not any(time % 60 == 0 for time in asked)
        asked.clear()
        list(TextReader().observe(video, None, self.shots(times, 3600)))
        assert asked == times

    def test_some_of_a_short_video(self, tmp_path: Path, asked: list[float]) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures([0.0])))
        list(TextReader(per_hour=60).observe(video, None, self.shots(range(FEW), FEW)))
        assert asked == [*range(FEW)]
        asked.clear()
        list(TextReader(per_hour=60).observe(video, None, self.shots(range(60), 60)))
        assert len(asked) == FEW

    def test_what_is_gone_went_with_the_first_shot_that_was_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def paint(time: float) -> clips.Pixels:
            return clips.slide(["The harbour"] if time < 2 else [], (640, 360))

        video = opened(write(tmp_path / "a.mp4", Pictures(every(5, 6), paint, fps=5)))
        keyframes = {t: f"k/{t}.png" for t in range(6)}
        (video.folder / "k").mkdir(parents=True)
        for t, path in keyframes.items():
            clips.image(video.folder / path, paint(t))
        shots = [
            Observation("scan", "shot", Span(t, t + 1), "shot", data={"keyframes": [[t, keyframes[t]]]})
            for t in range(6)
        ]
        monkeypatch.setattr("reelcue.tools.ocr.FEW", 2)  # the first of three shots, and the first of the three others
        (told,) = TextReader(per_hour=1).observe(video, None, shots)
        assert (told.span, told.text) == (Span(0, 1), "The harbour")


class TestLevels:
    def test_name_options_that_their_tools_take(self) -> None:
        for level in LEVELS.values():
            for name, options in level.items():
                if options is not None and name in TOOLS:
                    assert make(name, options).options.items() >= options.items()
                    assert make(name, options).cost < make(name).cost

    @pytest.mark.parametrize("name", [name for name, options in LEVELS["fast"].items() if options])
    def test_change_tools_that_keep_the_contract(self, name: str, tmp_path: Path) -> None:
        slides = Pictures(every(5, 4), lambda t: clips.slide(["The harbour" if t < 2 else "Ships"], (640, 360)), fps=5)
        video = Video(write(tmp_path / "talk.mp4", slides, Sound([(0, 4)])), tmp_path / "media", "0" * 16)
        assert check_tool(make(name, LEVELS["fast"][name]), video)

    def test_are_known_by_name(self, tmp_path: Path) -> None:
        with Library(tmp_path / "library") as lib, pytest.raises(UsageError, match="'full'; there are fast, standard"):
            lib.add([], level="full")

    @staticmethod
    def runs(lib: Library) -> dict[str, Any]:
        return {job.tool: (job.options, job.state) for job in lib.store.jobs()}

    def test_a_thorough_look_replaces_a_sparing_one(self, tmp_path: Path) -> None:
        talk = clip(tmp_path / "talk.mp4", "Good morning.")
        with Library(tmp_path / "library") as lib:
            assert lib.add([talk], level="fast")[0].state == "added"
            fast = self.runs(lib)
            assert fast["scan"][0]["keys"] and "per_hour" in fast["ocr"][0]
            assert lib.add([talk], level="fast")[0].state == "known"
            assert lib.add([talk])[0].state == "updated"
            thorough = self.runs(lib)
            assert len(lib.store.jobs()) == len(thorough) and lib.completed() == 1
            assert "keys" not in thorough["scan"][0] and "per_hour" not in thorough["ocr"][0]
            assert thorough["subtitles"] == fast["subtitles"]

    def test_a_sparing_look_leaves_a_thorough_one_alone(self, tmp_path: Path) -> None:
        talk = clip(tmp_path / "talk.mp4")
        with Library(tmp_path / "library") as lib:
            lib.add([talk])
            before, jobs = self.runs(lib), lib.store.jobs()
            assert lib.add([talk], level="fast")[0].state == "known" and lib.store.jobs() == jobs
            assert lib.add([talk], level="fast", refresh=["scan"])[0].state == "updated"
            assert self.runs(lib) == before

    def test_a_sparing_look_fills_the_gaps_of_a_thorough_one(self, tmp_path: Path) -> None:
        talk = clip(tmp_path / "talk.mp4", "Good morning.")
        with Library(tmp_path / "library", tools=["scan"]) as lib:
            lib.add([talk])
        with Library(tmp_path / "library") as lib:
            assert lib.add([talk], level="fast")[0].state == "updated"
            found = self.runs(lib)
            assert "keys" not in found["scan"][0] and "per_hour" in found["ocr"][0]

    def test_other_options_of_a_thorough_look_count_as_one(self, tmp_path: Path) -> None:
        talk = clip(tmp_path / "talk.mp4")
        with Library(tmp_path / "library", ["scan"], options={"scan": {"rate": 5.0}}) as lib:
            lib.add([talk])
        with Library(tmp_path / "library", ["scan"]) as lib:
            assert lib.add([talk], level="fast")[0].state == "known"
            assert self.runs(lib)["scan"][0]["rate"] == 5.0

    def test_a_tool_that_a_level_leaves_out_does_not_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(LEVELS["fast"], "replay", None)
        tools: Any = ["subtitles", "replay", Plates()]
        with Library(tmp_path / "library", tools) as lib:
            lib.add([clip(tmp_path / "talk.mp4")], level="fast")
            assert set(self.runs(lib)) == {"subtitles", "plates"}


def test_a_level_that_leaves_out_all_that_was_chosen_is_wrong_use(tmp_path: Path) -> None:
    with Library(tmp_path / "library", tools=["speech"]) as lib, pytest.raises(UsageError, match="leaves out all"):
        lib.add([tmp_path / "a.mp4"], level="fast")
