"""Text on the screen: what is read, from when to when, and what counts as one line."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips
import cv2
import numpy as np
import pytest
from clips import Pixels

from reelcue.tools import textlines
from reelcue.tools.base import Observation, Span, Tool
from reelcue.tools.errors import ToolFailed, ToolUnavailable
from reelcue.tools.ocr import TextReader
from reelcue.tools.screentext import Screen, passages
from reelcue.tools.textlines import TextLine
from reelcue.tools.video import Video

SIZE = (640, 360)
BLACK, RED, BLUE = (0, 0, 0), (0, 0, 220), (200, 60, 0)
Mark = tuple[int, int, str]  # x, y of the base line, text


def page(*marks: Mark, scale: float = 0.8, ink: tuple[int, int, int] = BLACK, on: Pixels | None = None) -> Pixels:
    """(360, 640, 3), blue first: text on white, or on another page."""
    picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8) if on is None else on.copy()
    for x, y, text in marks:
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, ink, 1, cv2.LINE_AA)
    return picture


def shots(video: Video, *runs: Sequence[tuple[float, Pixels]], end: float) -> list[Observation]:
    """Writes keyframes as JPEG files; each run of them is a shot, the last of which lasts until `end`."""
    starts = [run[0][0] for run in runs]
    made = []
    for run, until in zip(runs, [*starts[1:], end], strict=True):
        paths = []
        for time, picture in run:
            path = f"k/{round(time * 1000)}.jpg"
            (video.folder / "k").mkdir(exist_ok=True)
            (video.folder / path).write_bytes(
                cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
            )
            paths.append([time, path])
        made.append(Observation("scan", "shot", Span(run[0][0], until), "shot", data={"keyframes": paths}))
    return made


def told(rows: Iterable[Observation]) -> list[tuple[str, float, float]]:
    return [(row.text, row.span.start, row.span.end) for row in sorted(rows, key=lambda row: row.span)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ocr") / "talk.mp4"
    return clips.write(path, clips.Pictures(clips.every(2, 1), lambda _: page(), fps=2))


@pytest.fixture
def video(clip: Path, tmp_path: Path) -> Video:
    return Video(clip, tmp_path)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts the pictures searched and the crops read from here on."""
    engine, counted = textlines.engine(), {"searched": 0, "read": 0}

    class Counting:
        def __call__(self, *args: Any, **options: Any) -> Any:
            counted["searched"] += 1
            return engine(*args, **options)

        def recognize_txt(self, crops: list[Pixels]) -> Any:
            counted["read"] += len(crops)
            return engine.recognize_txt(crops)

        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

    monkeypatch.setattr(textlines, "engine", Counting)
    return counted


def test_is_a_tool_that_its_options_rebuild() -> None:
    tool = TextReader(fine=960)
    assert isinstance(tool, Tool) and tool.kinds == ("text",) and tool.needs == ("shot",)
    assert type(tool)(**tool.options).options == tool.options
    assert tool.digest == TextReader().digest and len(tool.digest or "") == 32


def test_every_word_of_clear_slides_from_first_to_last_seen(video: Video) -> None:
    one = [(40, 60, "Quarterly report"), (40, 150, "Revenue grew by 12 percent"), (40, 240, "Costs fell in Berlin")]
    two = [(40, 60, "Outlook 2027"), (40, 150, "Hire forty engineers"), (40, 240, "Open an office in Oslo")]
    seen = shots(video, [(0.5, page(*one))], [(4.25, page(*two))], end=9.5)
    rows = list(TextReader().observe(video, None, seen))
    assert told(rows) == [(text, 0.5, 4.25) for _, _, text in one] + [(text, 4.25, 9.5) for _, _, text in two]
    assert all(row.kind == "text" and row.score is not None and row.score > 0.9 for row in rows)
    assert [row.data["image"] for row in rows] == ["k/500.jpg"] * 3 + ["k/4250.jpg"] * 3
    x, y, w, h = rows[0].data["boxes"][0]
    assert x <= 42 and y < 45 and x + w > 240 and 55 < y + h < 80
    assert rows[0].data["height"] == pytest.approx(h / 360, abs=0.01)


def test_a_line_ends_with_its_shot_though_the_next_keyframe_comes_later(video: Video) -> None:
    seen = shots(video, [(0.0, page((40, 180, "Platform nine")))], [(6.0, page())], end=8.0)
    cut = [replace(seen[0], span=Span(0.0, 4.0)), replace(seen[1], span=Span(4.0, 8.0))]
    assert told(TextReader().observe(video, None, cut)) == [("Platform nine", 0.0, 4.0)]


def test_lines_that_build_up_stay_rows_and_are_read_once(video: Video, calls: dict[str, int]) -> None:
    marks = [(40, 60, "Agenda"), (60, 130, "Budget review"), (60, 200, "Hiring plan"), (60, 270, "Any questions")]
    pages = [(2.0 * n, page(*marks[: n + 1])) for n in range(4)]
    seen = shots(video, [*pages, (8.0, pages[-1][1])], end=10.0)
    rows = list(TextReader().observe(video, None, seen))
    assert told(rows) == [(text, 2.0 * n, 10.0) for n, (_, _, text) in enumerate(marks)]
    # Nothing is searched in the last picture, which is the one before it; the corners only once, after the cut.
    assert calls == {"searched": 5, "read": 4}


def test_a_line_that_is_typed_is_one_row_with_its_final_text(video: Video) -> None:
    texts = ["Open a new", "Open a new browser.", "Open a new browser. Chrome fast."]
    seen = shots(video, [(2.0 * n, page((40, 180, text))) for n, text in enumerate(texts)], end=6.0)
    assert told(TextReader().observe(video, None, seen)) == [(texts[-1], 0.0, 6.0)]


def test_a_clock_is_one_row_with_its_readings(video: Video) -> None:
    clocks = ["00:00:08:12", "00:00:10:00", "00:00:11:20"]
    pages = [page((200, 300, clock), scale=1.2, on=page((40, 80, "Studio camera"))) for clock in clocks]
    seen = shots(video, [(float(n), each) for n, each in enumerate(pages)], end=3.0)
    sign, clock = sorted(TextReader().observe(video, None, seen), key=lambda row: len(row.text))
    assert told([sign]) == [("Studio camera", 0.0, 3.0)]
    assert told([clock]) == [("00:00:08:12 (counts on to 00:00:11:20)", 0.0, 3.0)]
    assert clock.data["readings"] == [[float(n), text] for n, text in enumerate(clocks)]


def test_scrolled_text_is_the_same_line(video: Video) -> None:
    marks = [(40, 100, "Directed by Ada Moss"), (40, 180, "Music by Ben Stone"), (40, 260, "Sound by Cleo Park")]
    pages = [page(*[(x, y - rise, text) for x, y, text in marks]) for rise in (0, 55, 110)]
    seen = shots(video, [(float(n), each) for n, each in enumerate(pages)], end=3.0)
    assert told(TextReader().observe(video, None, seen)) == [
        ("Directed by Ada Moss", 0.0, 2.0),
        ("Music by Ben Stone", 0.0, 3.0),
        ("Sound by Cleo Park", 0.0, 3.0),
    ]


def test_a_missed_reading_is_bridged_within_a_shot_only(video: Video) -> None:
    sign, blank = page((40, 180, "Platform nine")), page()
    assert told(TextReader().observe(video, None, shots(video, [(0, sign), (1, blank), (2, sign)], end=3))) == [
        ("Platform nine", 0, 3)
    ]
    apart = shots(video, [(0, sign)], [(1, blank)], [(2, sign)], end=3)
    assert told(TextReader().observe(video, None, apart)) == [("Platform nine", 0, 1), ("Platform nine", 2, 3)]
    gone = shots(video, [(0, sign), (1, blank), (2, blank), (3, sign)], end=4)
    assert told(TextReader().observe(video, None, gone)) == [("Platform nine", 0, 1), ("Platform nine", 3, 4)]


def test_a_wrapped_sentence_and_a_centred_title_are_one_row_each_and_list_entries_are_not(video: Video) -> None:
    prose = page(
        (40, 60, "The harbour was closed for a week"),
        (40, 92, "because of ice, and the boats had"),
        (40, 124, "to wait outside."),
        (40, 230, "Open file"),
        (40, 262, "Save file"),
        (40, 294, "Close all windows"),
    )
    title = page((120, 160, "THE NORTHERN FILM COMPANY"), (250, 196, "PRESENTS"))
    seen = shots(video, [(0, prose)], [(1, title)], end=2)
    rows = list(TextReader().observe(video, None, seen))
    assert [row.text for row in rows] == [
        "The harbour was closed for a week because of ice, and the boats had to wait outside.",
        "Open file",
        "Save file",
        "Close all windows",
        "THE NORTHERN FILM COMPANY PRESENTS",
    ]
    assert [len(row.data["boxes"]) for row in rows] == [3, 1, 1, 1, 2]


def test_the_word_printed_in_red(video: Video) -> None:
    marked = page((222, 180, "step"), ink=RED, on=page((40, 180, "A standalone"), (292, 180, "is an expression")))
    title = page((40, 80, "Path expressions"), scale=1.2, ink=BLUE, on=marked)
    first, second = TextReader().observe(video, None, shots(video, [(0, title)], end=2))
    assert first.data["ink"] == {"blue": "Path expressions"}
    assert second.data["ink"] == {"black": "A standalone is an expression", "red": "step"}


def test_boxes_are_in_pixels_of_the_upright_original(tmp_path: Path) -> None:
    stored = clips.Pictures([0.0, 0.5], lambda _: np.full((320, 180, 3), 200, np.uint8), fps=2, rotation=90)
    video = Video(clips.write(tmp_path / "phone.mp4", stored), tmp_path)
    frame = video.image(0.0)
    assert (frame.width, frame.height) == (180, 320)
    keyframe = cv2.resize(page((20, 100, "Level three"))[:320, :180], (360, 640))
    (row,) = TextReader().observe(video, None, shots(video, [(0, np.asarray(keyframe, np.uint8))], end=1))
    x, y, w, h = row.data["boxes"][0]
    assert row.text == "Level three" and 10 <= x <= 22 and 70 < y < 85 and x + w <= 180 and 100 <= y + h < 115
    assert row.data["height"] == pytest.approx(h / 320, abs=0.01)


def test_chinese_and_a_look_between_keyframes(tmp_path: Path) -> None:
    drawn = cv2.imread(str(Path(__file__).parent / "data" / "slide_zh.png"))
    assert drawn is not None
    slide = np.asarray(drawn, np.uint8)
    path = clips.write(tmp_path / "zh.mp4", clips.Pictures(clips.every(2, 2), lambda _: slide, fps=2))
    rows = list(TextReader().observe(Video(path, tmp_path), Span(0.5, 1.5), []))
    assert told(rows) == [
        (text, 0.5, 1.5)
        for text in (
            "第三季度销售报告",
            "北京的收入增长了百分之十二",
            "上海办公室将于五月搬迁",
            "新产品「青鸟」九月上市",
        )
    ]
    assert all("image" not in row.data for row in rows)


def test_a_span_takes_the_keyframes_in_it(video: Video) -> None:
    pages = [(float(n), page((40, 180, text))) for n, text in enumerate(("Alpha line", "Bravo line", "Delta line"))]
    seen = shots(video, pages, end=3.0)
    assert told(TextReader().observe(video, Span(0.5, 1.75), seen)) == [("Bravo line", 1.0, 1.75)]


def test_pictures_without_text_give_nothing(video: Video) -> None:
    clouds, dot = clips.stamped(0.0, (640, 384))[200:], np.zeros((1, 1, 3), np.uint8)
    seen = shots(video, [(0, clouds)], [(1, dot), (2, page((40, 90, "... - :"), scale=2))], end=3)
    assert not list(TextReader().observe(video, None, seen))
    assert not list(TextReader().observe(video, None, []))


def test_a_keyframe_that_is_missing_or_damaged_is_named(video: Video) -> None:
    seen = shots(video, [(0, page()), (1, page())], end=2)
    (video.folder / "k/1000.jpg").write_bytes(b"no picture")
    with pytest.raises(ToolFailed, match=r"1000\.jpg is no picture; .*--refresh scan .*talk\.mp4"):
        list(TextReader().observe(video, None, seen))
    (video.folder / "k/0.jpg").unlink()
    with pytest.raises(ToolFailed, match=r"[/\\]0\.jpg cannot be read \(FileNotFoundError\)"):
        list(TextReader().observe(video, None, seen))


def test_without_rapidocr_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textlines, "find_spec", lambda name: None)
    with pytest.raises(ToolUnavailable, match=r"pip install 'rapidocr"):
        textlines.models.__wrapped__()


@pytest.mark.skipif(not clips.SHARED.exists(), reason="needs the shared clips")
def test_small_lettering_in_real_footage(tmp_path: Path) -> None:
    real = Video(clips.SHARED / "video" / "short_hamilton_clip.mp4", tmp_path)
    assert "WH .GOV" in [row.text for row in TextReader().observe(real, Span(3.6, 4.0), [])]


def follow(*readings: Sequence[tuple[str, float]]) -> list[str]:
    """Texts of the rows when each keyframe of one shot shows one line below the other, with these confidences."""
    screen = Screen()
    for time, lines in enumerate(readings):
        found = [TextLine((10, 40.0 * n, 12.0 * len(text), 20), text, sure, {}) for n, (text, sure) in enumerate(lines)]
        screen.see(float(time), 0, None, found)
    return [line.best.text for group in passages(screen.finish(9.0)) for line in group]


def test_an_unsure_misreading_is_outvoted_and_a_sure_one_is_another_text() -> None:
    assert follow([("Gate closes soon", 0.99)], [("Cate closes soom", 0.7)], [("Gate closes soon", 0.98)]) == [
        "Gate closes soon"
    ]
    screen = Screen()
    for n, name in enumerate("AB"):
        gone = screen.see(float(n), n, None, [TextLine((10, 10, 100, 20), f"Part {name}", 0.99, {})])
    assert [line.best.text for line in gone + screen.finish(3.0)] == ["Part A", "Part B"]


def test_figures_at_one_place_are_a_counter_only_within_a_shot_or_in_a_clock() -> None:
    def rows(texts: tuple[str, str], shots: tuple[int, int]) -> int:
        screen = Screen()
        gone = [
            line
            for time, (text, shot) in enumerate(zip(texts, shots, strict=True))
            for line in screen.see(float(time), shot, None, [TextLine((10, 10, 90, 20), text, 1.0, {})])
        ]
        return len(gone + screen.finish(5.0))

    assert rows(("1980", "1204"), (0, 0)) == 1
    assert rows(("1980", "1204"), (0, 1)) == 2
    assert rows(("00:12", "00:14"), (0, 1)) == 1
    assert rows(("Chapter 1", "Chapter 2"), (0, 0)) == 2
