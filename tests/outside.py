"""Tools from outside, for tests of what a library makes of them, and small clips to run them on."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
from clips import Pictures, every, write

from reelcue.tools import cores
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


class Worker:
    """Tells of the process it runs in; videos of some names end that, or make it wait for a file called "go on"."""

    name: ClassVar[str] = "worker"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("tag",)
    needs: ClassVar[tuple[str, ...]] = ("speech",)
    cost: ClassVar[float] = 0.5
    digest: str | None = None

    def __init__(self, mark: str = "") -> None:
        self.options: Mapping[str, Any] = {"mark": mark}

    def sidecars(self, video: Video) -> Sequence[Path]:
        return ()

    def observe(self, video: Video, span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        said = {"process": os.getpid(), "cores": cores.threads(), "opencv": cv2.getNumThreads()}
        said["deaf"] = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        yield Observation(self.name, "tag", Span(0, 1), " ".join(o.text for o in seen), 0.5, said)
        stem = video.path.stem
        if stem.startswith("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if stem.startswith("crashed"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if stem.startswith("left"):
            sys.exit(3)
        while stem.startswith("slow") and not (video.path.parent / "go on").exists():
            (video.path.parent / f"{os.getpid()}.started").touch()
            time.sleep(0.02)
            yield Observation(self.name, "tag", Span(0, 1), "slow")
        if stem.startswith("opaque"):
            yield Observation(self.name, "tag", Span(0, 1), "a path", data={"path": Path("x")})
        if stem.startswith("noted"):
            video.problems.append("it is a strange one")


def ends_at_once(*_: Any) -> None:
    """A worker that never was."""
