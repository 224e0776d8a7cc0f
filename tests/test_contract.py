"""Every registered tool, and one from outside, keeps the contract on clips of all sorts."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import clips
import contract
import pytest
from clips import Pictures, Sound, Text, every, write

from reelcue.evals import sounds
from reelcue.index.library import Library
from reelcue.tools import registry
from reelcue.tools.base import KINDS, FrameTool, Observation, Span, Tool
from reelcue.tools.errors import ToolUnavailable
from reelcue.tools.frame import Frame
from reelcue.tools.video import Video

SIZE = (640, 360)
SRT = "1\n00:00:00,500 --> 00:00:01,500\nAnna: Good morning.\n\n2\n00:00:02,000 --> 00:00:03,500\nThe harbour is old.\n"
RECORDED = {"video": "talk.mp4", "kind": "caption", "start": 1, "end": 2, "text": "a slide", "tool": "looks"}
# What must be found, so that a tool that observes nothing does not pass.
KINDS_FOUND = {
    "talk.mp4": {"scan": {"shot"}, "subtitles": {"speech"}, "ocr": {"text"}, "replay": {"caption"}},
    "spoken.wav": {"speech": {"speech"}},
}


def slides(seconds: float) -> clips.Pixels:
    return clips.slide(["The harbour", "in winter"] if seconds < 2 else ["Forty ships"], SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talk with all there is, one without sound or words, a tone, a voice, a single picture."""
    place = tmp_path_factory.mktemp("clips")
    talk = Pictures(every(5, 4), slides, fps=5), Sound([(0, 4)]), Text([(0.5, 1.5, "Good morning.")], "mov_text")
    write(place / "talk.mp4", *talk)
    (place / "talk.srt").write_text(SRT, "utf-8")
    (place / "talk.observations.jsonl").write_text(json.dumps(RECORDED), "utf-8")
    write(place / "silent.mp4", Pictures(every(10, 2)))
    write(place / "sound.m4a", Sound([(0, 2)]))
    sounds.write(place / "spoken.wav", sounds.spoken(place / "sample")[0][: 6 * sounds.RATE])
    write(place / "single.mp4", Pictures([0.0]))
    return place


@pytest.mark.parametrize("clip", ["talk.mp4", "silent.mp4", "sound.m4a", "spoken.wav", "single.mp4"])
@pytest.mark.parametrize("name", registry.TOOLS)
def test_registered_tools_keep_it(name: str, clip: str, folder: Path, tmp_path: Path) -> None:
    found = contract.check_tool(registry.make(name), Video(folder / clip, tmp_path / "media", "0" * 16))
    assert {one.kind for one in found} >= KINDS_FOUND.get(clip, {}).get(name, set())


def test_the_default_tools_are_registered() -> None:
    assert set(registry.DEFAULT) <= set(registry.TOOLS)
    made = {kind for name in registry.DEFAULT if name != "replay" for kind in registry.make(name).kinds}
    assert {kind for name in registry.DEFAULT for kind in registry.make(name).needs} <= made


class Brightness:
    """A frame tool from outside: how bright each second is."""

    name: ClassVar[str] = "brightness"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("tag",)
    needs: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[float] = 0.1
    digest: str | None = None

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self.options: Mapping[str, Any] = {"rate": rate}

    def start(self, video: Video, span: Span | None) -> None:
        self.end = span.end if span else video.duration

    def see(self, frame: Frame) -> Iterator[Observation]:
        span = Span(frame.time, max(frame.time + 0.01, min(self.end, frame.time + 1 / self.rate)))
        yield Observation(self.name, "tag", span, f"brightness {frame.luma(64).mean():.0f}")

    def finish(self) -> Iterable[Observation]:
        return ()


class Counting:
    """A tool from outside that reads what others observed."""

    name: ClassVar[str] = "counting"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("tag",)
    needs: ClassVar[tuple[str, ...]] = ("speech",)
    cost: ClassVar[float] = 0.1
    digest: str | None = None

    def __init__(self) -> None:
        self.options: Mapping[str, Any] = {}

    def sidecars(self, video: Video) -> Sequence[Path]:
        return ()

    def observe(self, video: Video, span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        for one in seen:
            if span is None or one.span.overlap(span):
                yield Observation(self.name, "tag", one.span, f"{len(one.text.split())} words")


@pytest.mark.parametrize("tool", [Brightness(), Brightness(rate=5), Counting()])
def test_tools_from_outside_keep_it(tool: Tool | FrameTool, folder: Path, tmp_path: Path) -> None:
    assert contract.check_tool(tool, Video(folder / "talk.mp4", tmp_path / "media"))


class Hoarder(Brightness):
    def see(self, frame: Frame) -> Iterator[Observation]:
        self.last = frame
        return iter(())


class Elsewhere(Brightness):
    def start(self, video: Video, span: Span | None) -> None:
        Path("notes.txt").write_text("written")
        super().start(video, span)


class Fickle(Brightness):
    runs = 0

    def finish(self) -> Iterator[Observation]:
        Fickle.runs += 1
        yield Observation(self.name, "tag", Span(0, 0.1), f"run {Fickle.runs}")


class Forgetful(Brightness):
    def __init__(self, rate: float = 1.0) -> None:
        super().__init__(rate)
        self.options = {}


class Beyond(Brightness):
    def finish(self) -> Iterator[Observation]:
        yield Observation(self.name, "tag", Span(self.end + 60, self.end + 61), "later")


class Opaque(Brightness):
    def finish(self) -> Iterator[Observation]:
        yield Observation(self.name, "tag", Span(0, 0.1), "a path", data={"path": Path("x")})


@pytest.mark.parametrize(
    ("tool", "complaint"),
    [
        (Hoarder(), "keeps a frame"),
        (Elsewhere(), "writes files"),
        (Fickle(), "the second time"),
        (Forgetful(rate=5), "rebuilt with another"),
        (Beyond(), "later"),
        (Opaque(), "not JSON serializable"),
    ],
)
def test_it_is_noticed_when_a_tool_breaks_it(tool: FrameTool, complaint: str, folder: Path, tmp_path: Path) -> None:
    if isinstance(tool, Forgetful):
        tool.options = {"rate": 5.0}
        type(tool).version = "2"
    with pytest.raises((AssertionError, TypeError), match=complaint):
        contract.check_tool(tool, Video(folder / "talk.mp4", tmp_path / "media"))


class TestRegistry:
    @pytest.fixture
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty module from outside, gone after the test."""
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "outside", raising=False)
        return tmp_path / "outside.py"

    def test_makes_a_tool_by_the_place_of_its_class(self, module: Path, folder: Path, tmp_path: Path) -> None:
        module.write_text("from test_contract import Brightness, Counting\n")
        tool = registry.make("outside:Brightness", {"rate": 2.0})
        assert isinstance(tool, FrameTool) and tool.rate == 2
        with Library(tmp_path / "library", tools=["subtitles", "outside:Brightness", Counting()]) as lib:
            (added,) = lib.add([folder / "talk.mp4"])
            assert added.error is None and added.rows == {"speech": 2, "tag": 6}
            assert lib.search("brightness", kinds=["tag"])

    @pytest.mark.parametrize(
        ("source", "name", "complaint"),
        [
            ("", "nonsense", r"no tool 'nonsense'; there are scan, .*package\.module:Class"),
            ("", "outside:Plates", "outside:Plates: AttributeError: .*check its name"),
            ("", "nowhere_at_all:Plates", "No module named 'nowhere_at_all'; install"),
            ("import nowhere_at_all", "outside:Plates", "install the package that brings nowhere_at_all"),
            ("def (", "outside:Plates", "outside:Plates: SyntaxError"),
            ("1 / 0", "outside:Plates", "outside:Plates: ZeroDivisionError"),
            ("class Plates: pass", "outside:Plates", "neither a Tool nor a FrameTool"),
        ],
    )
    def test_says_why_there_is_no_such_tool(self, module: Path, source: str, name: str, complaint: str) -> None:
        module.write_text(source)
        with pytest.raises(ToolUnavailable, match=complaint):
            registry.make(name)

    def test_says_which_options_are_wrong(self) -> None:
        with pytest.raises(ToolUnavailable, match=r"tool scan: TypeError: .*'speed'.*check its name and options"):
            registry.make("scan", {"speed": 3})


class TestObservation:
    def test_is_cleaned(self) -> None:
        seen = Observation(
            "ocr", "text", Span(0, 1), "a\x1b[31m\ud800b\r\n", data={"k\x00": ["\u202ec", {"d": "\x07"}]}
        )
        assert (seen.text, seen.data) == ("a[31mb\n", {"k": ["c", {"d": ""}]})

    def test_holds_plain_numbers(self) -> None:
        import numpy as np

        seen = Observation("ocr", "text", Span(np.float32(1), np.float32(2)), "x", score=np.float32(0.5))  # type: ignore[arg-type]
        assert [type(n) for n in (seen.span.start, seen.span.end, seen.score)] == [float] * 3

    def test_has_a_kind_of_the_list(self) -> None:
        with pytest.raises(ValueError, match=f"no kind 'smell'; the kinds are {', '.join(KINDS)}"):
            Observation("nose", "smell", Span(0, 1), "smoke")

    @pytest.mark.parametrize("ends", [(1, 1), (2, 1), (float("nan"), 1), (0, float("inf"))])
    def test_takes_time(self, ends: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="finite seconds with start < end"):
            Span(*ends)

    def test_overlaps(self) -> None:
        a, b = Span(0, 4), Span(2, 6)
        assert (a.seconds, a.overlap(b), a.iou(b), a.overlap(Span(4, 5)), a.iou(a)) == (4, 2, 2 / 6, 0, 1)
