"""Which files are meant by files and folders, and their digests."""

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from reelcue.index.files import digest, expand, is_timeline, offline, stamp
from reelcue.index.rows import VideoRow
from reelcue.tools.errors import VideoError


def made(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return paths


def expanded(*paths: Path, but: Path = Path("nowhere")) -> list[str]:
    return [file.relative_to(Path.cwd()).as_posix() for file in expand(paths, but) if isinstance(file, Path)]


class TestExpand:
    def test_takes_media_below_a_folder(self, tmp_path: Path) -> None:
        made(tmp_path, "b.mp4", "a.MKV", "deep/er/c.webm", "notes.txt", "k.jpg", "talk.srt", "t.jsonl")
        assert expanded(tmp_path) == ["a.MKV", "b.mp4", "deep/er/c.webm"]

    def test_passes_over_what_is_hidden_and_the_library(self, tmp_path: Path) -> None:
        made(tmp_path, "a.mp4", "._a.mp4", ".cache/b.mp4", "library/media/c.mp4", "other/library/d.mp4")
        assert expanded(tmp_path, but=tmp_path / "library") == ["a.mp4", "other/library/d.mp4"]

    def test_takes_a_named_file_whatever_it_is_called(self, tmp_path: Path) -> None:
        files = made(tmp_path, "recording", ".hidden.mp4", "x.txt")
        assert expanded(*files, tmp_path / "gone.mp4") == ["recording", ".hidden.mp4", "x.txt", "gone.mp4"]

    def test_takes_each_once_in_the_order_given(self, tmp_path: Path) -> None:
        made(tmp_path, "a.mp4", "b.mp4")
        assert expanded(Path("b.mp4"), tmp_path, tmp_path / "a.mp4") == ["b.mp4", "a.mp4"]

    def test_knows_a_file_wherever_it_is_named_from(self, tmp_path: Path) -> None:
        made(tmp_path, "a.mp4", "deep/er/b.mp4")
        assert expanded(Path("deep/../a.mp4"), Path("a.mp4"), Path("deep/er/..")) == ["a.mp4", "deep/er/b.mp4"]

    def test_names_a_folder_without_media(self, tmp_path: Path) -> None:
        made(tmp_path, "empty/notes.txt", "full/a.mp4")
        assert expanded(tmp_path / "empty", tmp_path / "full") == ["empty", "full/a.mp4"]
        with pytest.raises(VideoError, match="empty: is a folder without videos; name a video file"):
            digest(tmp_path / "empty")

    def test_of_names_that_no_file_can_have(self) -> None:
        strange = [Path("a\x00b"), Path("x" * 5000), Path("\udc80.mp4"), Path("a\x00b/../c")]
        found = [path.name for path in expand(strange, Path("nowhere")) if isinstance(path, Path)]
        assert found == [path.name for path in strange]


class TestDigest:
    def test_is_blake2b_of_the_whole_file(self, tmp_path: Path) -> None:
        (path,) = made(tmp_path, "a.mp4")
        path.write_bytes(bytes(range(256)) * 10_000)
        told: list[float] = []
        assert digest(path, told.append) == blake2b(path.read_bytes()).hexdigest()
        assert told == sorted(told) and told[-1] == 1 and len(told) == 3

    @pytest.mark.parametrize(
        ("name", "make", "complaint"),
        [
            ("gone.mp4", lambda path: None, "there is no such file; check the name"),
            ("empty.mp4", Path.touch, "is empty; copy it again"),
            ("pipe.mp4", os.mkfifo, "is no regular file"),
            ("http://host/a.mp4", lambda path: None, "only local files are read"),
            ("x" * 5000, lambda path: None, "cannot be read"),
            ("nul\x00.mp4", lambda path: None, "there is no such file"),
            ("\udc80\x1b[31m.mp4", lambda path: None, r"\[31m\.mp4: there is no such file"),
        ],
    )
    def test_names_what_cannot_be_read(
        self, name: str, make: Callable[[Path], None], complaint: str, tmp_path: Path
    ) -> None:
        path = tmp_path / name
        make(path)
        with pytest.raises(VideoError, match=complaint) as error:
            digest(path)
        assert "\x1b" not in str(error.value)

    def test_names_what_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (path,) = made(tmp_path, "a.mp4")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(VideoError, match=r"a\.mp4: cannot be read \(Permission denied\); check its permissions"):
            digest(path)


def test_timelines_are_told_by_their_names() -> None:
    assert is_timeline(Path("talk.jsonl")) and is_timeline(Path("talk.observations.JSONL"))
    assert not is_timeline(Path("talk.mp4")) and not is_timeline(Path("talk.json"))


def test_a_video_is_offline_without_its_file(tmp_path: Path) -> None:
    (path,) = made(tmp_path, "a.mp4")
    size, changed = stamp(path) or (0, 0)

    def row(place: str | None) -> VideoRow:
        return VideoRow("a" * 16, "a" * 128, "a.mp4", place, size, changed, 1.0)

    assert [offline(row(place)) for place in (str(path), str(tmp_path / "b.mp4"), "a\x00", None)] == [
        False, True, True, False,
    ]  # fmt: skip
    path.write_bytes(b"another")
    assert offline(row(str(path)))
