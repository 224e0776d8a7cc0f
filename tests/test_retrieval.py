"""Retrieval by time: what is read of a corpus, what is left out, and that the right row comes first."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from clips import SHARED
from commands import document, run

from reelcue.evals import retrieval
from reelcue.evals.corpora import read
from reelcue.tools.base import Span
from reelcue.tools.errors import ToolUnavailable, UsageError

pytest.importorskip("bm25s", reason="the extra eval is not installed")

TALK = (
    "Welcome to the harbour museum.",
    "Fishing boats were built of oak.",
    "The budget is forty million kroner.",
    "In winter the whole bay freezes over.",
    "Thank you.",
)


def corpus(path: Path, *talks: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(talk) + "\n" for talk in talks), "utf-8")
    return path


def talk(texts: Iterable[str] = TALK, *asked: tuple[str, int], unit: str = "seconds", **more: Any) -> dict[str, Any]:
    """A row every hundred seconds; each question with the number of the row that is right."""
    rows = [{"start": 100 * n, "end": 100 * n + 10, "text": text, **more} for n, text in enumerate(texts)]
    qa = [{"question": question, "spans": [[100 * n + 1, 100 * n + 2]]} for question, n in asked]
    return {"video": "talk", "unit": unit, "timeline": rows, "qa": qa}


class TestReading:
    def test_takes_rows_questions_and_units(self, tmp_path: Path) -> None:
        found = read(corpus(tmp_path / "c.jsonl", talk(TALK, ("Why?", 2), unit="turn index", speaker="Ann")))
        (one,) = found.talks
        assert (one.name, one.timed, len(one.lines)) == ("1 talk", False, 5)
        assert (one.lines[1].span, one.lines[1].speaker) == (Span(100, 110), "Ann")
        assert (one.asked[0].question, one.asked[0].right) == ("Why?", frozenset({2}))
        assert found.left_out == {} and found.questions == 1

    def test_leaves_out_and_counts_what_is_bad(self, tmp_path: Path) -> None:
        bad = talk(TALK, ("What?", 0))
        bad["timeline"] += [
            *({"start": 600, "end": 700, "text": text} for text in ("", " \x00", None)),
            *({"start": start, "end": end, "text": "x"} for start, end in ((9, 3), (4, 4), (None, 5), (-2, 1))),
            {"start": float("nan"), "end": 2, "text": "x"}, "no object",
        ]  # fmt: skip
        bad["qa"] += [
            *({"question": question, "spans": [[0, 1]]} for question in ("", "  ", 3)),
            *({"question": "q", "spans": spans} for spans in (None, [], [[5, 2]], [[7, 7], "x"], [[900, 901]])),
            {"question": "two spans", "spans": [[9, 2], [1, 2]]},
        ]  # fmt: skip
        bad["timeline"].append({"start": 0, "end": 10**400, "text": "x"})
        bad["qa"] += [{"question": "??", "spans": [[0, 1]]}, {"question": "q", "spans": 7}]
        found = read(corpus(tmp_path / "c.jsonl", bad, {"video": "empty", "timeline": [], "qa": 3}))
        assert (len(found.talks), len(found.talks[0].lines), found.questions) == (1, 5, 2)
        assert found.left_out == {
            "rows: no text": 4, "rows: reversed": 1, "rows: empty": 1, "rows: no times": 3, "rows: negative": 1,
            "questions: no text": 4, "questions: no gold span": 5, "questions: no row in the gold span": 1,
            "gold spans: reversed": 2, "gold spans: empty": 1, "gold spans: no times": 1, "timelines without a row": 1,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", r"c\.jsonl:1: no JSON"),
            ('{"video": "a"}', r"c\.jsonl:1: has no timeline"),
            ("[1]", r"c\.jsonl:1: has no timeline"),
            ("", "holds no question"),
            (json.dumps(talk()), "holds no question"),
        ],
    )
    def test_names_the_file_and_the_line(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "c.jsonl").write_text(text)
        with pytest.raises(UsageError, match=said):
            read(tmp_path / "c.jsonl")
        with pytest.raises(UsageError, match="cannot be read"):
            read(tmp_path / "nowhere.jsonl")


ASKED = (("How much money is there?", 2), ("What happens in the cold season?", 3), ("What were the boats made of?", 1))


class TestScoring:
    def test_puts_the_right_row_first_and_compares(self, tmp_path: Path) -> None:
        turns = talk(TALK, ("the boats of oak", 1), unit="turn index")
        path = corpus(tmp_path / "c.jsonl", talk(TALK, *ASKED), turns)
        said: list[str] = []
        (result,) = retrieval.run([path], said.append)
        assert (result.timelines, result.questions) == (2, 4)
        assert result.ours.mrr > 0.8 and result.ours.hit5 == 1
        assert result.bm25.mrr < result.ours.mrr == pytest.approx(result.bm25.mrr + result.gain)
        assert result.low <= result.gain <= result.high and result.relative > 0
        assert any("indexing 2 timelines" in one for one in said)
        assert not list(Path.cwd().glob("reelcue-*"))

    def test_equal_rows_keep_their_order(self, tmp_path: Path) -> None:
        path = corpus(tmp_path / "c.jsonl", talk(["same words"] * 5, ("same words", 2)))
        (result,) = retrieval.run([path])
        assert result.bm25.mrr == pytest.approx(1 / 3) == result.ours.mrr

    def test_a_timeline_without_a_telling_word(self, tmp_path: Path) -> None:
        path = corpus(tmp_path / "c.jsonl", talk(["the", "a\u2028the"], ("the harbour", 1)))
        path.write_text(path.read_text().replace("\\u2028", "\u2028"), "utf-8")
        (result,) = retrieval.run([path])
        assert (result.questions, result.bm25.mrr) == (1, 0.5)

    def test_needs_the_sentence_model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("reelcue.index.library.Library.embedder", None)
        with pytest.raises(ToolUnavailable):
            list(retrieval.run([corpus(tmp_path / "c.jsonl", talk(TALK, ASKED[0]))]))

    def test_as_a_command(self, tmp_path: Path) -> None:
        bad = talk(TALK, ASKED[1])
        bad["timeline"].append({"start": 9, "end": 3, "text": "x"})
        files = [corpus(tmp_path / "a.jsonl", talk(TALK, *ASKED)), corpus(tmp_path / "b.jsonl", bad)]
        found = document("eval", "retrieval", *files)
        assert [one["questions"] for one in found["results"]] == [3, 1]
        assert found["mean_relative"] == pytest.approx(sum(one["relative"] for one in found["results"]) / 2)
        said = run("eval", "retrieval", *files).stdout
        assert "b.jsonl: left out: 1 rows: reversed" in said and "mean relative gain of MRR" in said


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "qa").is_dir(), reason="the public corpora are not here")
def test_tutorials_are_found_better_than_by_bm25(tmp_path: Path) -> None:
    lines = (SHARED / "qa" / "text" / "tutorialvqa_public.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "c.jsonl").write_text("".join(lines[:10]), "utf-8")
    (result,) = retrieval.run([tmp_path / "c.jsonl"])
    assert result.questions > 500 and result.relative > 0.06 and result.low > 0
