"""Shots, keyframes and bad stretches of clips whose truth is known."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelcue.tools.base import FrameTool, Observation, Span
from reelcue.tools.errors import ToolFailed
from reelcue.tools.scan import Scan
from reelcue.tools.video import Video

Pixels = NDArray[np.uint8]
SIZE = (320, 180)
SHARED = pytest.mark.skipif(not clips.SHARED.is_dir(), reason="no public clips here")


@dataclass
class Seen:
    folder: Path
    shots: list[Observation]
    quality: list[Observation]

    @property
    def starts(self) -> list[float]:
        return [shot.span.start for shot in self.shots]

    @property
    def keyframes(self) -> list[tuple[float, Path]]:
        return [(time, self.folder / path) for shot in self.shots for time, path in shot.data["keyframes"]]

    def kept(self, start: float, end: float) -> list[Path]:
        return [path for time, path in self.keyframes if start <= time < end]


def scan(path: Path, span: Span | None = None, folder: Path | None = None, **options: float) -> Seen:
    video = Video(path, folder or path.with_suffix(".media"))
    tool = Scan(**options)  # type: ignore[arg-type]
    tool.start(video, span)
    seen = [found for frame in video.frames(span, tool.rate) for found in tool.see(frame)]
    seen += tool.finish()
    return Seen(video.folder, [o for o in seen if o.kind == "shot"], [o for o in seen if o.kind == "quality"])


def clip(path: Path, paint: clips.Paint, seconds: float, fps: int = 10) -> Path:
    return clips.write(path / "clip.mp4", clips.Pictures(clips.every(fps, seconds), paint, fps=fps))


def scene(number: int) -> Pixels:
    """One of many pictures that have nothing in common."""
    random = np.random.default_rng(number)
    small = random.integers(0, 256, (6, 10, 3), np.uint8)
    return np.asarray(cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def written(lines: int, corner: Callable[[Pixels], None] | None = None) -> Pixels:
    picture = np.full((SIZE[1], SIZE[0], 3), 250, np.uint8)
    for n in range(lines):
        place = (12, 16 + 13 * n)
        cv2.putText(picture, f"point number {n} of the talk", place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    if corner is not None:
        corner(picture[120:, 250:])
    return picture


def presenter(time: float) -> Callable[[Pixels], None]:
    def paint(corner: Pixels) -> None:
        corner[:] = 120
        centre = round(35 + 12 * np.sin(5 * time)), round(30 + 6 * np.cos(7 * time))
        cv2.circle(corner, centre, 18, (200, 150, 120), -1)

    return paint


def test_is_a_frame_tool_made_again_from_its_options() -> None:
    tool = Scan(rate=5, min_gap=1.5)
    assert isinstance(tool, FrameTool)
    assert type(tool)(**json.loads(json.dumps(dict(tool.options)))).options == tool.options


def test_cuts_are_found_where_they_are(tmp_path: Path) -> None:
    cuts = [1.32, 2.6, 4.04]
    seen = scan(clip(tmp_path, lambda t: scene(sum(t >= cut for cut in cuts)), 5, fps=25))
    assert len(seen.shots) == 4
    assert seen.starts == pytest.approx([0, *cuts], abs=0.1)
    assert [shot.span.end for shot in seen.shots] == pytest.approx([*seen.starts[1:], 5])
    for shot in seen.shots:
        assert seen.kept(shot.span.start, shot.span.end)
        assert shot.text.startswith(f"shot {seen.shots.index(shot) + 1}, {shot.span.seconds:.1f} s")


def test_a_flash_and_a_fade_from_black_are_no_cuts(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        if 3 <= time < 3.2:
            return np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
        return np.asarray(scene(0) * min(1.0, time), np.uint8)

    assert len(scan(clip(tmp_path, paint, 5)).shots) == 1


@pytest.mark.parametrize("moving", [False, True])
def test_every_line_of_a_slide_that_builds_up_is_kept(tmp_path: Path, moving: bool) -> None:
    def paint(time: float) -> Pixels:
        return written(1 + int(time // 5), presenter(time) if moving else None)

    seen = scan(clip(tmp_path, paint, 60, fps=5))
    for build in range(12):
        assert seen.kept(5 * build, 5 * build + 5), build
    assert len(seen.keyframes) <= (16 if moving else 12)


def test_a_ticking_clock_is_no_reason_for_a_keyframe(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = scene(1)
        picture[150:, 200:] = 0
        cv2.putText(picture, f"00:00:{time:05.2f}", (204, 172), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        return picture

    assert len(scan(clip(tmp_path, paint, 25)).keyframes) <= 4


def test_words_that_come_up_on_a_card_after_moving_pictures_are_kept(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        if time < 8:
            return np.roll(scene(1), round(60 * time), axis=1)
        return written(1 if time < 9.5 else 2)

    seen = scan(clip(tmp_path, paint, 12))
    assert seen.kept(8, 9.5) and seen.kept(9.5, 12)


def test_a_dialog_of_half_a_second_is_kept(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = written(8)
        if 2.0 <= time < 2.5:
            picture[40:140, 60:260] = 60
        return picture

    seen = scan(clip(tmp_path, paint, 4))
    assert seen.kept(2.0, 2.5)


def test_a_title_that_fades_in_is_kept_when_it_is_there(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        return np.asarray((250 - written(5).astype(int)) * min(1.0, max(0.0, time - 1)), np.uint8)

    seen = scan(clip(tmp_path, paint, 4))
    last = cv2.imread(str(seen.keyframes[-1][1]))
    assert last is not None
    assert last.max() > 235


@pytest.mark.parametrize("rotation", [0, 90, 180])
def test_keyframes_are_upright_and_of_the_time_they_bear(tmp_path: Path, rotation: int) -> None:
    track = clips.Pictures(clips.every(10, 5), rotation=rotation, options={"crf": "10"})
    seen = scan(clips.write(tmp_path / "turned.mp4", track))
    assert len(seen.keyframes) >= 2
    for time, path in seen.keyframes:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert picture.shape == clips.SIZE[::-1]
        assert clips.read(np.asarray(picture, np.uint8)) == pytest.approx(time, abs=0.001)
        assert path.name == f"{round(time * 1000):08d}.jpg"


@pytest.mark.parametrize(
    "size, pixels", [((2, 2), "yuv420p"), ((1, 1), "yuv444p"), ((33, 21), "yuv444p"), ((1920, 1080), "yuv420p")]
)
def test_one_picture_of_any_size_is_a_shot(tmp_path: Path, size: tuple[int, int], pixels: str) -> None:
    picture = np.full((size[1], size[0], 3), (200, 30, 30), np.uint8)
    track = clips.Pictures([0.0], lambda _: picture, pixels=pixels)
    seen = scan(clips.write(tmp_path / "one.mp4", track))
    assert len(seen.shots) == len(seen.keyframes) == 1
    stored = cv2.imread(str(seen.keyframes[0][1]))
    assert stored is not None
    assert max(stored.shape[:2]) == min(1280, max(size))
    assert seen.shots[0].data["colours"][0][0] == "red"


@pytest.mark.parametrize(
    "name, colour",
    [
        ("black", (0, 0, 0)), ("grey", (128, 128, 128)), ("white", (255, 255, 255)), ("red", (220, 30, 30)),
        ("orange", (250, 140, 20)), ("brown", (120, 70, 25)), ("yellow", (240, 220, 30)), ("green", (40, 160, 50)),
        ("turquoise", (40, 190, 190)), ("blue", (30, 60, 200)), ("purple", (120, 40, 180)), ("pink", (240, 110, 190)),
    ],
)  # fmt: skip
def test_colours_have_their_names(tmp_path: Path, name: str, colour: tuple[int, int, int]) -> None:
    picture = np.full((48, 64, 3), colour, np.uint8)
    shot = scan(clips.write(tmp_path / "plain.mp4", clips.Pictures([0.0], lambda _: picture))).shots[0]
    assert shot.data["colours"] == [[name, 1.0]]
    assert shot.data.get("black", False) == (name == "black")


def test_one_picture_per_second_is_dated_to_when_it_appeared(tmp_path: Path) -> None:
    seen = scan(clip(tmp_path, lambda t: written(1 + 2 * int(t // 3)), 12, fps=1))
    assert [time for time, _ in seen.keyframes] == [0, 3, 6, 9]


def test_the_size_may_change_within_a_file(tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate([(320, 192), (240, 240)]):
        small = cv2.resize(scene(number), size)
        track = clips.Pictures(clips.every(25, 2), lambda _, small=small: np.asarray(small, np.uint8), fps=25)  # type: ignore[misc]
        parts.append(clips.write(tmp_path / f"{number}.h264", track, form="h264").read_bytes())
    (tmp_path / "both.h264").write_bytes(b"".join(parts))
    assert scan(tmp_path / "both.h264").starts == pytest.approx([0, 2], abs=0.15)


def test_no_more_keyframes_than_the_cap_allows(tmp_path: Path) -> None:
    path = clip(tmp_path, lambda t: scene(int(t)), 12)
    assert len(scan(path).keyframes) == 12
    assert len(scan(path, per_hour=5).keyframes) == 5


def test_a_moving_picture_is_kept_every_few_seconds(tmp_path: Path) -> None:
    path = clip(tmp_path, lambda t: scene(round(10 * t)), 12)
    assert 4 <= len(scan(path).keyframes) <= 7
    assert len(scan(path, min_gap=5).keyframes) <= 3


def test_black_blurred_and_still_stretches(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        if time < 2:
            return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        picture = clips.stamped(time, SIZE)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 20), np.uint8) if 6 <= time < 9 else picture

    seen = scan(clip(tmp_path, paint, 12))
    assert [o.data["state"] for o in seen.quality] == ["black", "blurred"]
    assert [(o.span.start, o.span.end) for o in seen.quality] == [
        pytest.approx((0, 2), abs=0.15),
        pytest.approx((6, 9), abs=0.15),
    ]
    assert seen.shots[0].data["black"] is True
    still = scan(clip(tmp_path, lambda _: written(5), 12)).quality
    assert [o.text for o in still] == ["picture still for 12.0 s"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip.media").write_text("not a folder")
    with pytest.raises(ToolFailed, match=r"clip\.media.*write access"):
        scan(clip(tmp_path, lambda _: scene(1), 2))


def test_a_span_is_scanned_alone(tmp_path: Path) -> None:
    seen = scan(clip(tmp_path, lambda t: scene(int(t // 3)), 12), Span(4, 8))
    assert seen.starts == pytest.approx([4, 6], abs=0.1)
    assert seen.shots[-1].span.end == 8


@SHARED
@pytest.mark.slow
def test_cuts_of_public_clips(tmp_path: Path) -> None:
    right = wrong = missed = 0
    for line in (clips.SHARED / "qa" / "shots_public.jsonl").read_text("utf-8").splitlines():
        truth = json.loads(line)
        if truth["video"].startswith("mix/"):
            continue
        found = scan(clips.SHARED / truth["video"], folder=tmp_path).starts[1:]
        hits = [cut for cut in truth["cuts"] if any(abs(cut - start) <= 0.2 for start in found)]
        unsure = [*truth["gradual"], *([t - 0.3, t + 0.3] for t in truth["uncertain"])]
        sure = [s for s in found if not any(a - 0.2 <= s <= b + 0.2 for a, b in unsure)]
        right, missed = right + len(hits), missed + len(truth["cuts"]) - len(hits)
        wrong += sum(all(abs(start - cut) > 0.2 for cut in hits) for start in sure)
    assert 2 * right / (2 * right + wrong + missed) >= 0.9
