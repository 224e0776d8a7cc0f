"""Observations recorded elsewhere: beside a video, and as timelines without media."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clips import Pictures, every, write

from reelcue.index import ingest
from reelcue.index.library import Added, Library
from reelcue.tools.errors import ToolFailed
from reelcue.tools.replay import read


def record(**changes: Any) -> dict[str, Any]:
    return {"video": "talk.mp4", "kind": "speech", "start": 1, "end": 2, "text": "Good morning.", **changes}


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(one) for one in records), "utf-8")
    return path


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", tools=("replay",)) as opened:
        opened.__dict__["embedder"] = None
        yield opened


class TestRead:
    def test_keeps_what_was_recorded(self, tmp_path: Path) -> None:
        data = {"speaker": "Anna", "words": [[1, 1.5, "Good", 0.9]], "mood": {"calm": 0.5}}
        path = written(tmp_path / "a.jsonl", record(tool="whisper", score=0.5, data=data), record(unit="index"))
        first, second = read(path)
        seen = first.observation
        assert (first.video, first.unit, second.unit) == ("talk.mp4", "seconds", "index")
        assert (seen.tool, seen.kind, seen.text, seen.score, seen.data) == (
            "whisper", "speech", "Good morning.", 0.5, data,
        )  # fmt: skip
        assert second.observation.tool == "replay"

    def test_passes_over_empty_lines_and_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(f"\ufeff\n{json.dumps(record())}\r\n\n   \n", "utf-8")
        assert len(list(read(path))) == 1

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("{", "Expecting"),
            ("[1]", "not a JSON object"),
            ("null", "not a JSON object"),
            ("[" * 100_000, "recursion|nested|depth"),
            ({"text": None}, "video and text must be strings"),
            ({"video": 3}, "video and text must be strings"),
            ({"kind": "smell"}, "no kind 'smell'; the kinds are speech"),
            ({"kind": ["speech"]}, "no kind"),
            ({"start": 2}, "finite seconds with start < end"),
            ({"start": -1}, "start must not be negative"),
            ({"start": "noon"}, "could not convert"),
            ({"start": None}, "real number"),
            ({"end": float("nan")}, "NaN is no number"),
            ({"end": float("inf")}, "Infinity is no number"),
            ({"end": 10**400}, "too large"),
            ({"score": 1.5}, "score must lie in 0..1"),
            ({"score": "high"}, "score must lie in 0..1"),
            ({"unit": "frames"}, "unit must be one of seconds, index"),
            ({"data": [1]}, "data must be an object"),
            ({"data": {"speaker": 3}}, "data.speaker must be a string"),
            ({"data": {"words": "Good"}}, "data.words must be a list of"),
            ({"data": {"words": [["Good", 1, 2]]}}, "data.words must be a list of"),
            ({"data": {"words": [[1, 2]]}}, "data.words must be a list of"),
            ({"data": {"boxes": [[1, 2, 3]]}}, "data.boxes must be a list of"),
            ({"data": {"boxes": [[1, 2, 3, None]]}}, "data.boxes must be a list of"),
            ({"data": {"keyframes": [["k/1.jpg", 1]]}}, "data.keyframes must be a list of"),
            ({"data": {"keyframes": [[1, "../other/k/1.jpg"]]}}, "must lie in the video's folder"),
            ({"data": {"image": "/etc/picture.jpg"}}, "must lie in the video's folder"),
            ({"data": {"height": "tall"}}, "data.height must be a number"),
            ({"data": {"ink": "red"}}, "data.ink must be an object"),
            ({"data": {"paper": ["white"]}}, "data.paper must be a string"),
        ],
    )
    def test_names_the_line_that_is_wrong(self, line: str | dict[str, Any], complaint: str, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        text = line if isinstance(line, str) else json.dumps(record(**line))
        path.write_text(f"{json.dumps(record())}\n{text}\n", "utf-8")
        with pytest.raises(ToolFailed, match=rf"a\.jsonl, line 2: .*({complaint}).*; mend or remove the line"):
            list(read(path))

    @pytest.mark.parametrize("key", ["video", "kind", "start", "end", "text"])
    def test_names_what_is_missing(self, key: str, tmp_path: Path) -> None:
        one = record()
        del one[key]
        with pytest.raises(ToolFailed, match=f"line 1: '{key}' is missing"):
            list(read(written(tmp_path / "a.jsonl", one)))

    def test_names_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(json.dumps(record(text="x")).encode() + b"\n\xff\xfe")
        with pytest.raises(ToolFailed, match=r"a\.jsonl: cannot be read \(not UTF-8"):
            list(read(tmp_path / "a.jsonl"))
        with pytest.raises(ToolFailed, match=r"b\.jsonl: cannot be read \(No such file"):
            list(read(tmp_path / "b.jsonl"))


class TestBesideAVideo:
    def add(self, lib: Library, tmp_path: Path, *records: dict[str, Any], name: str = "talk.mp4") -> Added:
        write(tmp_path / "talk.mp4", Pictures(every(5, 4), fps=5))
        written(tmp_path / f"{name}.observations.jsonl", *records)
        return lib.add([tmp_path / "talk.mp4"])[0]

    @pytest.mark.parametrize("name", ["talk.mp4", "talk"])
    def test_is_read_for_the_video_it_names(self, lib: Library, tmp_path: Path, name: str) -> None:
        records = [record(video=video, text=video) for video in ("talk.mp4", "talk", "lecture.mp4")]
        added = self.add(lib, tmp_path, *records, name=name)
        assert added.error is None and added.video
        assert sorted(row.text for row in lib.rows(added.video)) == ["talk", "talk.mp4"]

    def test_outside_of_the_video_is_left_out_and_said(self, lib: Library, tmp_path: Path) -> None:
        added = self.add(lib, tmp_path, record(), record(start=3, end=99, text="long"), record(start=50, end=60))
        assert added.video and [(row.text, row.span.end) for row in lib.rows(added.video)] == [
            ("Good morning.", 2), ("long", pytest.approx(4, abs=0.01)),
        ]  # fmt: skip
        assert any("replay: 1 observations outside of the video were left out" in note for note in added.notes)

    def test_counted_by_index_is_refused(self, lib: Library, tmp_path: Path) -> None:
        added = self.add(lib, tmp_path, record(unit="index"))
        assert added.state == "failed" and added.error and "a video needs seconds" in added.error

    def test_with_a_bad_line_stores_nothing(self, lib: Library, tmp_path: Path) -> None:
        added = self.add(lib, tmp_path, record(), record(kind="smell"))
        assert added.error and "line 2: replay: no kind 'smell'" in added.error and added.rows == {}

    def test_where_its_name_would_be_too_long(self, lib: Library, tmp_path: Path) -> None:
        path = write(tmp_path / f"{'x' * 251}.mkv", Pictures(every(5, 1), fps=5))
        assert [(added.state, added.error) for added in lib.add([path])] == [("added", None)]


class TestWithoutMedia:
    def test_each_video_of_a_file_is_a_timeline(self, lib: Library, tmp_path: Path) -> None:
        path = written(
            tmp_path / "all.jsonl", record(), record(video="b.mp4", end=9.5, text="A boat."), record(text="x")
        )
        one, two = lib.add([path])
        assert [(a.name, a.state, a.rows) for a in (one, two)] == [
            ("talk.mp4", "added", {"speech": 2}), ("b.mp4", "added", {"speech": 1}),
        ]  # fmt: skip
        row = lib.find("b.mp4")
        assert (row.path, row.unit, row.duration, row.source) == (None, "seconds", 9.5, tmp_path.name)
        assert row.id == row.digest[:16] != lib.find("talk.mp4").id
        assert lib.search("boat")[0].segment.video == row.id

    def test_twice_is_known(self, lib: Library, tmp_path: Path) -> None:
        path = written(tmp_path / "a.jsonl", record())
        first = lib.add([path])[0]
        jobs = lib.jobs(first.video or "")
        again = lib.add([path, written(tmp_path / "copy.jsonl", record())])
        assert [(a.state, a.video) for a in again] == [("known", first.video)] * 2
        assert lib.jobs(first.video or "") == jobs

    def test_changed_takes_the_place_of_what_it_said(self, lib: Library, tmp_path: Path) -> None:
        path = written(tmp_path / "a.jsonl", record(), record(video="other.mp4"))
        first, other = lib.add([path], source="door")
        written(path, record(text="Good evening."), record(video="other.mp4"))
        second, same = lib.add([path])
        assert (second.state, same.state, same.video) == ("updated", "known", other.video)
        assert second.video != first.video and {row.id for row in lib.videos()} == {second.video, other.video}
        assert lib.find(second.video or "").source == "door"
        copy = lib.add([written(tmp_path / "b.jsonl", record(text="Another talk."))])[0]
        assert copy.state == "added" and len(lib.videos()) == 3

    def test_may_count_turns_instead_of_seconds(self, lib: Library, tmp_path: Path) -> None:
        turns = [record(unit="index", start=n, end=n + 1, text=f"Turn {n}.") for n in range(0, 60, 20)]
        added = lib.add([written(tmp_path / "chat.jsonl", *turns)])[0]
        row = lib.find(added.video or "")
        assert (row.unit, row.duration) == ("index", 41)
        (passage,) = lib.segments(row.id)  # no pause of seconds cuts it
        assert passage.text == "Turn 0. Turn 20. Turn 40."

    def test_keeps_when_it_was_recorded_and_where(self, lib: Library, tmp_path: Path) -> None:
        path = written(tmp_path / "a.jsonl", record(video="20261121_220507.mp4"))
        named = lib.find((lib.add([path], source="door")[0]).video or "")
        assert (named.source, named.recorded_from) == ("door", "name")
        lib.add([path], recorded_at="2020-01-01T00:00:00Z")
        lib.add([path])
        told = lib.find(named.id)
        assert (told.source, told.recorded_from) == ("door", "option") and told.recorded_at
        assert told.recorded_at.startswith(("2020-01-01", "2019-12-31"))

    def test_keeps_the_tools_it_names(self, lib: Library, tmp_path: Path) -> None:
        lines = [record(tool="whisper"), record(tool="blip", kind="caption"), record(tool="\ud800x\x1b", kind="tag")]
        added = lib.add([written(tmp_path / "a.jsonl", *lines)])[0]
        assert {(row.tool, row.kind) for row in lib.rows(added.video or "")} == {
            ("whisper", "speech"), ("blip", "caption"), ("x", "tag"),
        }  # fmt: skip
        assert lib.kinds(added.video or "") == {"speech", "caption", "tag"}

    def test_hostile_names_are_cleaned(self, lib: Library, tmp_path: Path) -> None:
        added = lib.add([written(tmp_path / "a.jsonl", record(video="\x1b[31mtalk\ud800\u202e.mp4\n"))])[0]
        assert added.name == lib.videos()[0].name == "[31mtalk.mp4"

    @pytest.mark.parametrize(
        ("records", "complaint"),
        [
            ([], "holds no observation; each line is one JSON object"),
            ([record(), record(unit="index")], "mixes units for talk.mp4; use seconds or index"),
            ([record(), record(start=5)], "line 2: a span needs finite seconds"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_added(
        self, records: list[dict[str, Any]], complaint: str, lib: Library, tmp_path: Path
    ) -> None:
        good = written(tmp_path / "good.jsonl", record(video="good.mp4"))
        bad, fine = lib.add([written(tmp_path / "bad.jsonl", *records), good])
        assert bad.state == "failed" and bad.error and complaint in bad.error and "bad.jsonl" in bad.error
        assert fine.state == "added" and [row.name for row in lib.videos()] == ["good.mp4"]

    def test_that_is_not_there_is_said(self, lib: Library, tmp_path: Path) -> None:
        (gone,) = lib.add([tmp_path / "gone.jsonl"])
        assert gone.error and "gone.jsonl: cannot be read (No such file" in gone.error

    def test_goes_on_after_an_interruption(self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = written(tmp_path / "a.jsonl", record())

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(ingest, "gather", interrupted)
            with pytest.raises(KeyboardInterrupt):
                lib.add([path])
        added = lib.add([path])[0]
        assert added.rows == {"speech": 1} and lib.completed(added.video or "")
