"""Reading QA files, finding their videos, running them, going on after an interruption, and the demo's sample."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import clips
import pytest

from reelcue.agent.answer import Answer, Citation, Searched, Sentence, Usage
from reelcue.evals import demo
from reelcue.evals.base import QAFile, Question, Videos, read
from reelcue.evals.records import Record
from reelcue.evals.run import OnEvent, Report, measure, run
from reelcue.index.library import Added
from reelcue.index.rows import JobRow
from reelcue.index.scope import Scope
from reelcue.tools.base import Span
from reelcue.tools.errors import ModelError, UsageError

GOOD = {"video": "a.mp4", "question": "Who?", "answer": "Ann", "accept": ["ann"], "start": 1, "end": 2.5, "type": "who"}


def qa_file(folder: Path, *rows: Any) -> Path:
    """A QA file of rows: bytes and texts as they are, all else as JSON."""
    texts = (row if isinstance(row, bytes | str) else json.dumps(row) for row in rows)
    path = folder / "qa.jsonl"
    path.write_bytes(b"\n".join(text if isinstance(text, bytes) else text.encode() for text in texts) + b"\n")
    return path


# Reading


def test_a_row_is_read_with_its_types(tmp_path: Path) -> None:
    found = read(qa_file(tmp_path, GOOD, "", {**GOOD, "options": ["Ann", "Bob"], "extra": 1}))
    plain, chosen = found.questions
    assert plain == Question("a.mp4", "Who?", "Ann", "who", ("ann",), (), Span(1, 2.5))
    assert chosen.options == ("Ann", "Bob") and chosen.id != plain.id
    assert found.problems == ()
    assert Question.of(plain.to_dict()) == plain


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{torn", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "a row is a JSON object"),
        (b'{"video": "\xff"}', "not UTF-8"),
        ({**GOOD, "question": "  "}, "question must be a text"),
        ({k: v for k, v in GOOD.items() if k != "type"}, "type must be a text that is not empty, not null"),
        ({**GOOD, "answer": 6}, "answer must be a text that is not empty, not 6"),
        ({**GOOD, "accept": "ann"}, "accept must be a list"),
        ({**GOOD, "accept": [None]}, "accept must be a text"),
        ({**GOOD, "options": ["Bob"]}, "not one of the options"),
        ({**GOOD, "start": 3}, "start < end"),
        ({**GOOD, "start": None}, "both be seconds or both null"),
        ({**GOOD, "end": "2"}, "both be seconds or both null"),
        ({**GOOD, "end": True}, "both be seconds or both null"),
        ({**GOOD, "end": 10**400}, "beyond all numbers"),
        ({**GOOD, "end": float("nan")}, "finite seconds"),
        ({**GOOD, "type": "when", "start": None, "end": None}, "scored by its span"),
        ({**GOOD, "answer": "?", "accept": []}, "nothing to compare"),
        ({**GOOD, "video": "\ud800.mp4"}, "half a character"),
        ({**GOOD, "video": "\x1b[2J.mp4"}, "control character"),
        (GOOD, "the same row as line 1"),
    ],
)
def test_a_bad_line_is_named_and_left_out(tmp_path: Path, row: Any, said: str) -> None:
    path = qa_file(tmp_path, GOOD, row)
    found = read(path)
    assert len(found.questions) == 1
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{path}:2: ") and said in found.problems[0]


def test_an_unanswerable_row_needs_neither_span_nor_words() -> None:
    row = {"video": "a.mp4", "question": "Why?", "answer": "unanswerable", "start": None, "end": None, "type": "what"}
    assert not Question.of(row).answerable


def test_a_file_without_a_valid_line_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no valid question.*qa\.jsonl:1: no JSON"):
        read(qa_file(tmp_path, "oops"))
    with pytest.raises(UsageError, match="no valid question"):
        read(qa_file(tmp_path))
    for path in (tmp_path / "absent.jsonl", tmp_path):
        with pytest.raises(UsageError, match="give a file of JSON lines"):
            read(path)


def test_the_half_follows_from_the_name_alone() -> None:
    """First bytes by sha256sum: a.mp4 e6, b.mp4 db."""
    assert [Question(name, "q", "a", "what").half for name in ("a.mp4", "b.mp4")] == ["even", "odd"]


# Finding videos


def test_a_video_is_found_by_path_and_by_unique_name(tmp_path: Path) -> None:
    for name in ("one/a.mp4", "one/b.mp4", "two/b.mp4", "c.mp4", "two/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    videos = Videos(tmp_path)
    assert videos.find("one/a.mp4") == videos.find("a.mp4") == videos.find("elsewhere/a.mp4") == tmp_path / "one/a.mp4"
    assert videos.find("two\\b.mp4") == tmp_path / "two/b.mp4"
    assert videos.find("c.mp4") == tmp_path / "c.mp4"
    with pytest.raises(UsageError, match=r"2 files of this name.*one.b\.mp4, two.b\.mp4"):
        videos.find("b.mp4")
    with pytest.raises(UsageError, match=r"^d\.mp4: not below"):
        videos.find("d.mp4")


def test_a_video_outside_the_folder_is_not_found(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.mp4").touch()
    for name in ("../secret.mp4", "x/../../secret.mp4", str(tmp_path / "secret.mp4"), "..", ".", "/"):
        with pytest.raises(UsageError, match="not below"):
            Videos(inside).find(name)
    with pytest.raises(UsageError, match="not a folder"):
        Videos(tmp_path / "secret.mp4")


# Running


class Shelf:
    """A library that knows files without reading them; what is called broken cannot be added."""

    embedder = None

    def add(self, paths: Sequence[Path], *, on_event: OnEvent) -> list[Added]:
        return [
            Added(p, "failed", None, p.name, f"{p.name}: is no video") if "broken" in p.name
            else Added(p, "added", p.stem, p.name)
            for p in paths
        ]  # fmt: skip

    def jobs(self, video: str) -> list[JobRow]:
        return []


class Table:
    """Answers from a table of question to (text, start, end) or None; stops the run at question number `stop`."""

    def __init__(self, answers: dict[str, tuple[str, float, float] | None], stop: int | None = None) -> None:
        self.answers, self.stop = answers, stop
        self.asked: list[str] = []

    def ask(self, question: str, *, scope: Scope) -> Answer:
        if len(self.asked) == self.stop:
            raise KeyboardInterrupt
        self.asked.append(question)
        if question not in self.answers:
            raise ModelError("the model\nis away")
        known, searched, usage = self.answers[question], Searched(1, 1, ("speech",), ()), Usage(seconds=0.25)
        if known is None:
            return Answer(question, "not found", (), "none", (), searched, usage=usage)
        text, start, end = known
        cited = Citation(1, scope.videos[0], "x", Span(start, end), None, "speech", text)
        return Answer(question, text, (Sentence(text, (1,), "ok"),), "strong", (cited,), searched, usage=usage)


KNOWN = {"q1": ("Ann", 1.0, 2.0), "q2": ("Bob", 5.0, 6.0), "q3": None, "q4": ("at 0:09", 9.5, 10.0)}
ROWS = [
    {**GOOD, "question": "q1"},
    {**GOOD, "question": "q2", "video": "b.mp4"},
    {**GOOD, "question": "q3", "answer": "unanswerable", "start": None, "end": None, "type": "unanswerable"},
    {**GOOD, "question": "q4", "video": "b.mp4", "type": "when", "start": 8, "end": 9},
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4", "broken.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def measured(place: Path, agent: Table, *rows: Any, **more: Any) -> Report:
    return measure(read(qa_file(place, *(rows or ROWS))), Videos(place), Shelf(), agent, place / "out", **more)


def records(place: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (place / "out" / "records.jsonl").read_text("utf-8").splitlines()]


def test_a_run_scores_all_and_both_halves(place: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    report = measured(place, Table(KNOWN), on_record=lambda r, done, of: seen.append((r.question.question, done, of)))
    everything = report.tables["all"].overall
    assert (everything.accuracy.n, everything.accuracy.of, everything.errors) == (3, 4, 0)
    assert {t: (s.accuracy.n, s.accuracy.of) for t, s in report.tables["all"].types.items()} == {
        "who": (1, 2), "unanswerable": (1, 1), "when": (1, 1),
    }  # fmt: skip
    assert {h: (report.tables[h].overall.accuracy.n, report.tables[h].overall.questions) for h in ("even", "odd")} == {
        "even": (2, 2), "odd": (1, 2),
    }  # fmt: skip
    assert seen == [("q1", 1, 4), ("q2", 2, 4), ("q3", 3, 4), ("q4", 4, 4)]
    assert [r["question"]["question"] for r in records(place)] == ["q1", "q2", "q3", "q4"]
    assert json.loads((place / "out" / "report.json").read_text("utf-8")) == report.to_dict()


def test_a_second_run_asks_nothing_and_fresh_asks_all(place: Path) -> None:
    first = measured(place, Table(KNOWN)).to_dict()
    again = measured(place, agent := Table({})).to_dict()
    assert agent.asked == [] and again.pop("reused") == 4 and first.pop("reused") == 0
    assert again == first
    measured(place, fresh := Table(KNOWN), fresh=True)
    assert len(fresh.asked) == 4 and len(records(place)) == 4


def test_an_interrupted_run_goes_on_behind_its_torn_line(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        measured(place, Table(KNOWN, stop=2))
    log = place / "out" / "records.jsonl"
    assert [r["question"]["question"] for r in records(place)] == ["q1", "q2"]
    log.write_bytes(log.read_bytes()[:-30])
    resumed = measured(place, agent := Table(KNOWN))
    assert agent.asked == ["q2", "q3", "q4"] and resumed.reused == 1
    ended = log.read_bytes()
    measured(place, Table(KNOWN), fresh=True)
    assert log.read_bytes() == ended
    assert (place / "out" / "records.previous.jsonl").read_bytes() == ended


def test_a_failed_question_is_wrong_recorded_and_asked_again(place: Path) -> None:
    report = measured(place, Table({k: v for k, v in KNOWN.items() if k != "q3"}))
    assert report.tables["all"].overall.errors == 1
    assert report.tables["all"].types["unanswerable"].accuracy.n == 0
    assert records(place)[2]["error"] == "the model is away" and records(place)[2]["answer"] is None
    measured(place, agent := Table(KNOWN))
    assert agent.asked == ["q3"]
    assert [r["error"] for r in records(place)] == [None] * 4


def test_records_of_other_code_or_another_row_are_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(place, Table(KNOWN))
    measured(place, agent := Table(KNOWN), {**ROWS[0], "accept": ["anna"]}, *ROWS[1:])
    assert agent.asked == ["q1"]
    monkeypatch.setattr("reelcue.evals.run.version", lambda: "9.9+new")
    measured(place, agent := Table(KNOWN))
    assert len(agent.asked) == 4


def test_rubbish_among_the_records_is_dropped(place: Path) -> None:
    measured(place, Table(KNOWN))
    log = place / "out" / "records.jsonl"
    torn = [{**records(place)[0], "answer": []}, 5, {"key": 1}, {**records(place)[1], "answer": {"found": True}}]
    log.write_text("\n".join([*map(json.dumps, torn), *log.read_text("utf-8").splitlines()[2:]]), encoding="utf-8")
    measured(place, agent := Table(KNOWN))
    assert agent.asked == ["q1", "q2"]
    assert Record.parse(b"[" * 100_000) is None


def test_a_limit_keeps_what_other_questions_have(place: Path) -> None:
    measured(place, Table(KNOWN))
    report = measured(place, agent := Table({}), limit=2)
    assert agent.asked == [] and report.total == 2
    assert len(records(place)) == 4


def test_missing_and_broken_videos_are_listed_and_counted(place: Path) -> None:
    more = ({**GOOD, "video": "gone.mp4"}, {**GOOD, "video": "broken.mp4"}, "rubbish")
    report = measured(place, Table(KNOWN), ROWS[0], *more)
    assert (report.total, report.skipped, len(report.problems)) == (3, 1, 1)
    assert list(report.missing) == ["gone.mp4"]
    assert report.failed == {"broken.mp4": "broken.mp4: is no video"}
    assert report.tables["all"].overall.accuracy.of == 2 and report.tables["all"].overall.errors == 1
    with pytest.raises(UsageError, match="none of its 1 videos was found"):
        measured(place, Table(KNOWN), {**GOOD, "video": "gone.mp4"})


def test_an_output_folder_that_is_a_file_is_refused(place: Path) -> None:
    (place / "out").touch()
    with pytest.raises(UsageError, match="choose another folder with --out"):
        measured(place, Table(KNOWN))


# With the real library and agent


def test_reelcue_itself_on_a_clip_with_subtitles(tmp_path: Path) -> None:
    clips.write(tmp_path / "a.mkv", clips.Pictures(clips.every(5, 8)))
    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nThe treasure is buried under the old lighthouse.\n\n"
        "2\n00:00:05,000 --> 00:00:07,000\nThank you for listening.\n",
        encoding="utf-8",
    )
    rows = (
        {**GOOD, "video": "a.mkv", "question": "Where is the treasure buried?", "answer": "lighthouse", "accept": [],
         "start": 1, "end": 3, "type": "speech"},
        {**GOOD, "video": "a.mkv", "question": "How much does the submarine weigh?", "answer": "unanswerable",
         "start": None, "end": None, "type": "unanswerable"},
    )  # fmt: skip
    report = run(qa_file(tmp_path, *rows), tmp_path, tmp_path / "out")
    scores = report.tables["all"].overall
    assert (scores.accuracy.n, scores.citation_hit.n, scores.declining_recall.n) == (2, 1, 1)
    assert run(tmp_path / "qa.jsonl", tmp_path, tmp_path / "out").reused == 2


# The demo


def test_the_demo_has_six_questions_with_an_answer_and_two_without() -> None:
    asked: QAFile = demo.questions()
    assert asked.problems == ()
    assert [q.answerable for q in asked.questions].count(True) == 6 and len(asked.questions) == 8


def test_the_demo_tells_what_was_expected_and_what_it_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts").mkdir()
    for name in (demo.SIDECAR, demo.QUESTIONS, demo.ATTRIBUTION):
        (tmp_path / "parts" / name).write_bytes((demo.SAMPLE / name).read_bytes())
    clips.write(tmp_path / "parts" / demo.VIDEO, clips.Pictures(clips.every(5, 1)))
    monkeypatch.setattr(demo, "SAMPLE", tmp_path / "parts")
    known = {q.question: (q.answer, q.span.start, q.span.end) if q.span else None for q in demo.questions().questions}
    shown = list(demo.demo(tmp_path / "library", agent=lambda lib: Table(known)))
    totals = demo.total(shown)
    assert totals.passed and totals.usage.seconds == 2.0
    assert (totals.scores.accuracy.n, totals.scores.declining_recall.n, totals.scores.citation_hit.n) == (8, 2, 6)
    assert (tmp_path / "library" / "sample" / "ATTRIBUTION.md").is_file()
    known[shown[0].question.question] = ("nowhere", 100.0, 101.0)
    again = list(demo.demo(tmp_path / "library", agent=lambda lib: Table(known)))
    assert not again[0].expected and not demo.total(again).passed
