"""Tools from outside, for tests of what a library makes of them, and small clips to run them on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clips import Pictures, every, write

from reelcue.tools.base import Observation, Span
from reelcue.tools.frame import Frame
from reelcue.tools.video import Video

SRT = "1\n00:00:00,200 --> 00:00:01,800\n{}\n"


def clip(path: Path, said: str | None = None, fps: int = 5, seconds: float = 2) -> Path:
    """Two seconds of pictures, with subtitles beside them; other `fps` are other content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if said is not None:
        path.with_suffix(".srt").write_text(SRT.format(said), "utf-8")
    return write(path, Pictures(every(fps, seconds), fps=fps))


class Plates:
    """Says one thing of each video; `act` is called before, with what the tool needs."""

    digest: str | None = None
    cost = 0.5

    def __init__(
        self,
        name: str = "plates",
        version: str = "1",
        kinds: tuple[str, ...] = ("tag",),
        needs: tuple[str, ...] = (),
        act: Callable[[Video, Sequence[Observation]], Any] = lambda video, seen: None,
        text: str = "plate AB 123",
    ) -> None:
        self.name, self.version, self.kinds, self.needs = name, version, kinds, needs
        self.act, self.text = act, text
        self.options: Mapping[str, Any] = {}
        self.runs = 0

    def sidecars(self, video: Video) -> Sequence[Path]:
        return ()

    def observe(self, video: Video, span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        self.runs += 1
        yield Observation(self.name, self.kinds[0], Span(0, 0.5), self.text)
        self.act(video, seen)
        yield Observation(self.name, self.kinds[0], Span(0.5, 1), f"{self.text} again")


class Lights:
    """A frame tool: one observation for each frame it sees; `act` is called with each."""

    digest: str | None = None
    cost = 0.5

    def __init__(
        self,
        name: str = "lights",
        rate: float = 5.0,
        kinds: tuple[str, ...] = ("motion",),
        act: Callable[[Frame], Any] = lambda frame: None,
    ) -> None:
        self.name, self.rate, self.kinds, self.act = name, rate, kinds, act
        self.version, self.needs = "1", ()
        self.options: Mapping[str, Any] = {"rate": rate}

    def start(self, video: Video, span: Span | None) -> None:
        self.frames = 0

    def see(self, frame: Frame) -> Iterator[Observation]:
        self.frames += 1
        self.act(frame)
        yield Observation(self.name, self.kinds[0], Span(frame.time, frame.time + 0.1), f"at {frame.time:.1f}")

    def finish(self) -> Iterable[Observation]:
        return ()
