"""What every tool promises, as a check for its tests. For a tool of your own:

from contract import check_tool
from reelcue.tools.video import Video

def test_plates_keep_the_contract(tmp_path):
    check_tool(Plates(), Video(Path("car.mp4"), tmp_path))
"""

import json
import re
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reelcue.tools import registry
from reelcue.tools.base import KINDS, FrameTool, Observation, Span, Tool
from reelcue.tools.frame import Frame
from reelcue.tools.text import clean
from reelcue.tools.video import Video

NEAR = 0.001


class Watched(Frame):
    """A frame of which one can tell whether somebody keeps it."""

    __slots__ = ("__weakref__",)

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame._decoded, frame.time, frame._converter)


def check_tool(tool: Tool | FrameTool, video: Video) -> list[Observation]:
    """Fails where the tool breaks its contract on this video. Returns what it observed."""
    check_face(tool)
    seen = needed(tool, video)
    before = files(video)
    found = observe(tool, video, None, seen)
    assert files(video) == before, f"{tool.name} writes files outside of video.folder"
    check_observations(tool, video, found)
    again = rebuilt(tool)
    assert observe(again, video, None, seen) == found, f"{tool.name} observes something else the second time"
    if video.duration > 10 * NEAR:
        part = Span(0.0, video.duration / 2)
        inside = observe(again, video, part, seen)
        check_observations(tool, video, inside)
        late = [one for one in inside if one.span.overlap(part) == 0]
        assert not late, f"{tool.name} observes {late} outside of {part}"
    return found


def check_face(tool: Tool | FrameTool) -> None:
    """Its attributes, and that it can be made again from them."""
    assert isinstance(tool, Tool) != isinstance(tool, FrameTool), "either a Tool or a FrameTool (see tools/base.py)"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", tool.name), f"{tool.name!r} is no name: small letters, digits and _"
    assert isinstance(tool.version, str) and tool.version, f"{tool.name} has no version"
    assert isinstance(tool.kinds, tuple) and tool.kinds and set(tool.kinds) <= set(KINDS), f"{tool.name}.kinds"
    assert isinstance(tool.needs, tuple) and set(tool.needs) <= set(KINDS), f"{tool.name}.needs"
    assert tool.digest is None or (isinstance(tool.digest, str) and tool.digest), f"{tool.name}.digest"
    assert tool.cost > 0, f"{tool.name}.cost"
    assert not isinstance(tool, FrameTool) or tool.rate > 0, f"{tool.name}.rate"
    again = rebuilt(tool)
    for name in ("name", "version", "kinds", "needs", "options", "digest", "cost"):
        assert getattr(again, name) == getattr(tool, name), f"{tool.name} is rebuilt with another {name}"


def check_observations(tool: Tool | FrameTool, video: Video, found: Sequence[Observation]) -> None:
    for one in found:
        what = f"{tool.name} observes {one}"
        assert isinstance(one, Observation), what
        assert one.tool == tool.name or tool.name == "replay", what
        assert one.kind in tool.kinds, what
        assert one.span.start >= 0 and one.span.end <= video.duration + frame_seconds(video) + NEAR, what
        assert one.text.strip() and one.text == clean(one.text), what
        assert one.score is None or 0 <= one.score <= 1, what
        assert (one.vector is None) == (one.space is None), what
        check_data(dict(one.data), video, what)


def check_data(data: dict[str, Any], video: Video, what: str) -> None:
    """JSON, its known keys in the shape that `Observation` describes."""
    assert json.loads(json.dumps(data, allow_nan=False)) == data, what
    images = [path for _, path in data.get("keyframes", ())] + [data[key] for key in ("image",) if key in data]
    assert all((video.folder / path).is_file() for path in images), what
    for start, end, text, _ in data.get("words", ()):
        assert 0 <= start <= end <= video.duration + NEAR and text.strip(), what
    for x, y, width, height, *_ in data.get("boxes", ()):
        assert width > 0 and height > 0 and x > -width and y > -height, what
    for key in ("speaker", "language"):
        assert isinstance(data.get(key, ""), str), what


def observe(
    tool: Tool | FrameTool, video: Video, span: Span | None = None, seen: Sequence[Observation] = ()
) -> list[Observation]:
    """All that a tool observes. A frame tool must let go of each frame before it sees the next."""
    if not isinstance(tool, FrameTool):
        assert all(path.is_file() for path in tool.sidecars(video)), f"{tool.name} names sidecars that are not there"
        return list(tool.observe(video, span, seen))
    tool.start(video, span)
    found: list[Observation] = []
    for frame in watched(video, span, tool):
        alive = weakref.ref(frame)
        found += tool.see(frame)
        del frame
        assert alive() is None, f"{tool.name} keeps a frame"
    return found + list(tool.finish())


def watched(video: Video, span: Span | None, tool: FrameTool) -> Iterator[Watched]:
    for frame in video.frames(span, tool.rate, bool(getattr(tool, "keys", False))):
        yield Watched(frame)


def needed(tool: Tool | FrameTool, video: Video) -> list[Observation]:
    """What the registry's tools observe of the kinds that this tool needs."""
    makers = [registry.make(name) for name in registry.TOOLS if tool.needs]
    return [
        one
        for maker in makers
        if set(maker.kinds) & set(tool.needs) and maker.name not in ("replay", tool.name)
        for one in observe(maker, video, None, needed(maker, video))
        if one.kind in tool.needs
    ]


def rebuilt(tool: Tool | FrameTool) -> Tool | FrameTool:
    """The same tool, from its options as they come back from the library."""
    return type(tool)(**json.loads(json.dumps(dict(tool.options), allow_nan=False)))


def files(video: Video) -> dict[Path, int]:
    """Files beside the video and in the current folder, with their times of change, but not those in video.folder."""
    places = {video.path.parent.resolve(), Path.cwd()}
    found = (file for place in places for file in place.rglob("*") if file.is_file())
    mine = video.folder.resolve()
    return {file: file.stat().st_mtime_ns for file in found if not file.resolve().is_relative_to(mine)}


def frame_seconds(video: Video) -> float:
    return 1 / video.picture.fps if video.picture and video.picture.fps else 0.0
