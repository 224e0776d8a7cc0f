"""The tool `subtitles` on small clips: which file or track is read, and what is said of those that are not."""

import json
from collections.abc import Callable
from pathlib import Path

import clips
import pytest

from reelcue.tools.base import Observation, Span, Tool
from reelcue.tools.errors import SubtitleError
from reelcue.tools.registry import make
from reelcue.tools.subtitles import Subtitles
from reelcue.tools.video import Video

ENGLISH = "1\n00:00:01,000 --> 00:00:02,000\nGood morning\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n"
GERMAN = "1\n00:00:01,000 --> 00:00:02,000\nGuten Morgen\n\n2\n00:00:03,000 --> 00:00:04,000\nTschüss\n"
CHINESE = "1\n00:00:01,000 --> 00:00:02,000\n大家早上好\n\n2\n00:00:03,000 --> 00:00:04,000\n再见\n"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "talk.mp4"
    return clips.write(path, clips.Pictures(clips.every(2, 6), fps=2))


@pytest.fixture
def talk(tmp_path: Path, plain: Path) -> Callable[..., Video]:
    """A six-second talk.mp4 with these files beside it, by name."""

    def opened(files: dict[str, str]) -> Video:
        (tmp_path / "talk.mp4").write_bytes(plain.read_bytes())
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return Video(tmp_path / "talk.mp4", tmp_path / "media")

    return opened


def texts(rows: list[Observation]) -> list[tuple[str | None, str]]:
    return [(row.data.get("language"), row.text) for row in rows]


def told(video: Video, *files: Path, span: Span | None = None) -> list[Observation]:
    return list(Subtitles([str(file) for file in files]).observe(video, span, ()))


def test_it_is_a_tool_that_its_options_rebuild() -> None:
    tool = make("subtitles", {"files": ["a.srt"]})
    assert isinstance(tool, Tool)
    assert json.loads(json.dumps(tool.options)) == {"files": ["a.srt"]}
    assert (tool.name, tool.kinds, tool.needs, tool.digest) == ("subtitles", ("speech",), (), None)


def test_an_observation_for_each_cue(talk: Callable[..., Video]) -> None:
    video = talk({"talk.en.vtt": "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ann>Good<00:02.000> morning\n"})
    assert told(video) == [
        Observation(
            "subtitles",
            "speech",
            Span(1.0, 2.5),
            "Good morning",
            data={
                "language": "en",
                "speaker": "Ann",
                "words": [[1.0, 2.0, "Good", None], [2.0, 2.5, "morning", None]],
                "source": "talk.en.vtt",
            },
        )
    ]
    assert video.problems == []


@pytest.mark.parametrize(
    ("files", "used"),
    [
        (["talk.srt"], ["talk.srt"]),
        (["talk.SRT", "talk.en.txt", "other.srt", "talkative.srt"], ["talk.SRT"]),
        (["talk.mp4.en.srt"], ["talk.mp4.en.srt"]),
        (["talk.en.srt", "talk.zh-CN.vtt", "talk.German.ass"], ["talk.German.ass", "talk.en.srt", "talk.zh-CN.vtt"]),
        (["talk.en.srt", "talk.en.vtt"], ["talk.en.vtt"]),
        (["talk.en.forced.srt", "talk.en.sdh.vtt", "talk.en.srt"], ["talk.en.srt"]),
        (["talk.en.forced.srt", "talk.en.hi.srt"], ["talk.en.hi.srt"]),
        (["talk.en.forced.srt"], ["talk.en.forced.srt"]),
        (["talk.part2.srt", "talk.thumbnails.vtt"], []),
    ],
)
def test_files_beside_the_video(talk: Callable[..., Video], files: list[str], used: list[str]) -> None:
    video = talk(dict.fromkeys(files, ENGLISH))
    assert sorted({row.data["source"] for row in told(video)}) == used
    assert video.problems == []


def test_the_next_best_file_of_a_language_stands_in_for_a_broken_one(talk: Callable[..., Video]) -> None:
    video = talk(
        {"talk.en.forced.srt": ENGLISH, "talk.en.vtt": "no times", "talk.en.srt": ENGLISH, "talk.de.srt": GERMAN}
    )
    names = ["talk.de.srt", "talk.en.vtt", "talk.en.srt", "talk.en.forced.srt"]
    assert [path.name for path in Subtitles().sidecars(video)] == names
    assert {row.data["source"] for row in told(video)} == {"talk.de.srt", "talk.en.srt"}


def test_a_file_of_another_video_is_left_to_it(talk: Callable[..., Video], tmp_path: Path) -> None:
    video = talk({"talk.en.srt": ENGLISH, "talk.de.srt": GERMAN})
    (tmp_path / "talk.en.mp4").touch()
    (tmp_path / "talk.de.json").touch()
    assert [path.name for path in Subtitles().sidecars(video)] == ["talk.de.srt"]


def test_names_with_dots(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "2026.05.01 talk v1.2.mp4"
    path.write_bytes(plain.read_bytes())
    (tmp_path / "2026.05.01 talk v1.2.fr.srt").write_text(ENGLISH)
    (tmp_path / "2026.05.srt").write_text(ENGLISH)
    assert [p.name for p in Subtitles().sidecars(Video(path, tmp_path))] == ["2026.05.01 talk v1.2.fr.srt"]


def test_every_language_is_told_in_order_of_time(talk: Callable[..., Video]) -> None:
    video = talk({"talk.de.srt": GERMAN, "talk.srt": CHINESE})
    assert texts(told(video)) == [("zh", "大家早上好"), ("de", "Guten Morgen"), ("zh", "再见"), ("de", "Tschüss")]


def test_the_same_speech_is_not_told_twice(talk: Callable[..., Video]) -> None:
    video = talk({"talk.srt": ENGLISH, "talk.en.srt": ENGLISH.upper(), "talk.de.srt": GERMAN})
    assert {row.data["source"] for row in told(video)} == {"talk.srt", "talk.de.srt"}


def test_a_span_gets_the_cues_that_overlap_it(talk: Callable[..., Video]) -> None:
    video = talk({"talk.srt": ENGLISH})
    assert [row.text for row in told(video, span=Span(1.9, 3.0))] == ["Good morning"]
    assert [row.text for row in told(video, span=Span(2.0, 3.5))] == ["Bye"]


def test_cues_after_the_end_of_the_video(talk: Callable[..., Video]) -> None:
    late = "\n00:00:05,000 --> 00:00:09,000\nlast\n\n00:00:06,000 --> 00:00:07,000\nlost\n"
    video = talk({"talk.srt": ENGLISH + late})
    assert [(row.span, row.text) for row in told(video)][-1] == (Span(5.0, 6.0), "last")
    assert video.problems == ["talk.srt: 1 of 4 cues start after the end of the video and were left out"]
    other = talk({"talk.srt": "\n00:10:05,000 --> 00:10:09,000\nlost\n"})
    assert told(other) == []
    assert other.problems[0].endswith("do they belong to another video?")


def test_a_broken_file_does_not_spoil_the_others(talk: Callable[..., Video]) -> None:
    video = talk({"talk.de.srt": GERMAN, "talk.en.srt": "no times at all", "talk.fr.vtt": "WEBVTT\n"})
    for _ in range(2):
        assert {row.data["language"] for row in told(video)} == {"de"}
    broken, empty = video.problems
    assert "talk.en.srt: no line with a time" in broken
    assert empty == "talk.fr.vtt: holds no subtitles"


def test_named_files_replace_the_search_and_must_be_readable(talk: Callable[..., Video], tmp_path: Path) -> None:
    video = talk({"talk.de.srt": GERMAN, "mine.en.txt": ENGLISH, "bad.srt": "nothing"})
    mine = tmp_path / "mine.en.txt"
    assert texts(told(video, mine)) == [("en", "Good morning"), ("en", "Bye")]
    assert Subtitles([str(mine), str(tmp_path / "none.srt")]).sidecars(video) == [mine]
    for name in ("bad.srt", "none.srt"):
        with pytest.raises(SubtitleError, match=name):
            told(video, tmp_path / name)


def test_chapters_and_descriptions_are_not_speech(talk: Callable[..., Video]) -> None:
    video = talk({"talk.vtt": "WEBVTT\nKind: descriptions\n\n00:01.000 --> 00:02.000\nA man sits.\n"})
    assert told(video) == []
    assert video.problems == ["talk.vtt: holds descriptions, not speech; not read"]


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "mov_text"), ("mkv", "subrip"), ("mkv", "ass"), ("webm", "webvtt")]
)
def test_text_tracks(tmp_path: Path, suffix: str, codec: str) -> None:
    pictures = clips.Pictures(clips.every(2, 6), fps=2, codec="libvpx" if suffix == "webm" else "libx264")
    tracks = [
        clips.Text([(1, 2, "{\\i1}Good{\\i0} day\\Nto you"), (3, 4, "ANN LEE: Bye")], codec, "eng"),
        clips.Text([(1, 2, "大家早上好")], codec, "chi"),
        clips.Text([(1, 2, "Good day again")], codec, "eng"),
    ]
    video = Video(clips.write(tmp_path / f"talk.{suffix}", pictures, *tracks), tmp_path / "media")
    rows = told(video)
    assert texts(rows) == [("en", "Good day to you"), ("zh", "大家早上好"), ("en", "Bye")]
    assert [(row.span.start, row.span.end) for row in rows] == [(1.0, 2.0), (1.0, 2.0), (3.0, 4.0)]
    assert (rows[2].data["speaker"], rows[2].data["source"]) == ("ANN LEE", "track 1")
    assert video.problems == []


def test_files_go_before_tracks_unless_none_can_be_read(tmp_path: Path) -> None:
    text = clips.Text([(1, 2, "from the track")])
    path = clips.write(tmp_path / "talk.mkv", clips.Pictures(clips.every(2, 6), fps=2), text)
    (tmp_path / "talk.srt").write_text(ENGLISH)
    assert [row.text for row in told(Video(path, tmp_path))] == ["Good morning", "Bye"]
    (tmp_path / "talk.srt").write_bytes(b"\x00\x01\x02" * 99)
    assert [row.text for row in told(Video(path, tmp_path))] == ["from the track"]


def test_tracks_of_pictures_are_named_as_unsupported(tmp_path: Path) -> None:
    tracks = [clips.Text([(1, 2, "")], "dvd_subtitle"), clips.Text([(1, 2, "Good morning")])]
    video = Video(clips.write(tmp_path / "talk.mkv", clips.Pictures(clips.every(2, 6), fps=2), *tracks), tmp_path)
    assert texts(told(video)) == [("en", "Good morning")]
    [problem] = video.problems
    assert "VobSub" in problem
    assert "not supported" in problem
