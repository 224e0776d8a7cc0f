"""Search in large libraries: what the vector index proposes is scored as if all had been, common words are passed over,
and neither languages that the sentence model does not know nor doubtful transcripts come first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import timeline

from reelcue.index import Library, search
from reelcue.index.search import Searcher, cut_off
from reelcue.tools.embed import load_minilm
from reelcue.tools.errors import ToolUnavailable

SUBJECTS = ("A sailor", "The mayor", "An engineer", "My aunt", "Every child", "The goat")
VERBS = ("repairs", "paints", "sells", "remembers", "steals")
THINGS = ("the lighthouse", "a piano", "the old bridge", "three umbrellas", "the budget", "her telescope")
TEXTS = [f"{who} {does} {what}." for who in SUBJECTS for does in VERBS for what in THINGS]  # 180
QUERIES = ("who mends a bridge?", "telescope", "money is taken away", "goat steals umbrellas", "piano colour", "zebra")


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Three videos of sixty sentences each."""
    try:
        load_minilm()
    except ToolUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("large")
    with Library(folder / "library", tools=()) as opened:
        for n in range(3):
            opened.add([timeline(folder / f"{n}.jsonl", *TEXTS[n::3], name=f"{n}.mp4")])
        yield opened


class Nearest:
    """A vector index that is exact, but for segments that it was not told of, and some that are gone."""

    def __init__(self, lib: Library, without: Sequence[int] = ()) -> None:
        assert lib.embedder
        numbers, self._vectors = lib.store.vectors(lib.embedder.space)
        known = lib.store.segments_by_n(map(int, numbers))
        self._ids = ["gone" if n in without else known[int(n)].id for n in numbers]
        self.asked = 0

    def knn(self, vector: Any, k: int) -> list[tuple[str, float]]:
        self.asked += 1
        near = np.vecdot(self._vectors, vector)
        return [(self._ids[i], float(near[i])) for i in np.argsort(-near)[:k]]


def texts(searcher: Searcher, query: str, **limits: Any) -> list[tuple[str, float]]:
    return [(hit.segment.text, round(hit.score, 5)) for hit in searcher.search(query, **limits)]


class TestNearest:
    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "LARGE", 1)
        monkeypatch.setattr(search, "_CANDIDATES", 40)

    @pytest.mark.parametrize("query", QUERIES)
    def test_are_scored_as_if_all_had_been(self, lib: Library, query: str) -> None:
        index = Nearest(lib)
        near, all_of_it = Searcher(lib.store, lib.embedder, lambda: index), Searcher(lib.store, lib.embedder)
        assert texts(near, query) == texts(all_of_it, query)
        assert index.asked == 1

    def test_and_those_that_the_index_lacks_are_found(self, lib: Library) -> None:
        assert lib.embedder
        first = Searcher(lib.store, lib.embedder).search("who mends a bridge?", k=1)[0].segment
        lib.store.put_vectors(lib.embedder.space, [first.n], lib.store.vectors_by_n(lib.embedder.space, [first.n])[1])
        without = Searcher(lib.store, lib.embedder, lambda: Nearest(lib, [first.n]))
        assert first.n in lib.store.pending(lib.embedder.space)
        assert without.search("who mends a bridge?", k=1)[0].segment == first

    def test_filters_that_leave_too_few_make_it_look_at_all(self, lib: Library) -> None:
        near, all_of_it = Searcher(lib.store, lib.embedder, lambda: Nearest(lib)), Searcher(lib.store, lib.embedder)
        within = {row.id: lib.segments(row.id)[-1].span for row in lib.videos()}
        query = "a sailor steals the lighthouse"
        assert texts(near, query, within=within) == texts(all_of_it, query, within=within) != []
        assert texts(near, "sells", kinds=["text"]) == []

    def test_more_than_it_proposes_are_found_by_looking_at_all(self, lib: Library) -> None:
        index = Nearest(lib)
        hits = texts(Searcher(lib.store, lib.embedder, lambda: index), "the mayor paints the bridge", k=100)
        assert len(hits) > 2 * search._CANDIDATES - 1 and index.asked == 0

    def test_some_videos_are_searched_without_it(self, lib: Library) -> None:
        index = Nearest(lib)
        Searcher(lib.store, lib.embedder, lambda: index).search("bridge", videos=[lib.videos()[0].id])
        assert index.asked == 0


class TestWords:
    def test_that_are_common_in_a_large_library_are_passed_over(
        self, lib: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = Searcher(lib.store, None)
        assert len(plain.search("goat paints", k=100)) > 30
        monkeypatch.setattr(search, "_SMALL", 100)
        monkeypatch.setattr(search, "_COMMON", 0.18)
        assert {hit.segment.text.split()[1] for hit in plain.search("goat paints", k=100)} == {"goat"}
        assert plain.search("paints", k=1)[0].score == 1.0  # of nothing but common words, all count


class TestCutOff:
    def test_rises_with_the_number_of_segments(self) -> None:
        assert cut_off(0) == cut_off(1) == cut_off(100) == pytest.approx(0.2)
        assert cut_off(10_000) == pytest.approx(0.3)

    def test_does_not_keep_back_what_holds_the_words(self, lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "RISE", 0.5)
        assert lib.search("somebody mends a thing") == []
        assert lib.search("umbrellas", k=1)[0].segment.text.endswith("umbrellas.")

    def test_keeps_what_has_nothing_to_do_with_the_library(self, lib: Library) -> None:
        assert lib.search("enzyme kinetics of mitochondria") == []


class TestTrust:
    def test_a_doubtful_transcript_comes_after_one_that_is_sure(self, lib: Library, tmp_path: Path) -> None:
        assert lib.embedder
        with Library(tmp_path / "library", tools=()) as small:
            for name, score in (("doubt.mp4", 0.1), ("sure.mp4", 0.6), ("told.mp4", None)):
                rough = {"data": {"rough": True}, "score": score} if score else {}
                small.add([timeline(tmp_path / f"{name}.jsonl", "The ferry leaves at noon.", name=name, **rough)])
            names = {row.id: row.name for row in small.videos()}
            hits = [(names[hit.segment.video], hit.score) for hit in small.search("When does the ferry leave?")]
            assert hits[-1][0] == "doubt.mp4" and hits[0][1] == hits[1][1] > hits[2][1]

    def test_what_the_model_cannot_read_goes_by_words_alone(self, lib: Library, tmp_path: Path) -> None:
        with Library(tmp_path / "library", tools=()) as small:
            data = {"data": {"language": "zh"}}
            small.add([timeline(tmp_path / "zh.jsonl", "今天的 telescope 很大。", name="zh.mp4", **data)])
            (hit,) = small.search("telescope")
            assert (hit.why, hit.score) == ("words 1.00", 1.0)
            assert small.search("a big instrument for stars") == []


class TestVideos:
    def test_come_in_the_order_of_their_best_hit_and_what_they_are_about(self, lib: Library, tmp_path: Path) -> None:
        with Library(tmp_path / "library", tools=()) as small:
            sea = ("Boats sail.", "The harbour is full of ships.", "A sailor ties a rope.", "We saw a whale.")
            tax = ("Taxes rise.", "The harbour is full of ships.", "The form is long.", "Pay by March.")
            for name, said in (("tax.mp4", tax), ("sea.mp4", sea)):
                small.add([timeline(tmp_path / f"{name}.jsonl", *said, name=name)])
            query = "ships in the harbour"
            groups = small.by_video(query, small.search(query))
            assert [small.find(id).name for id, _ in groups] == ["sea.mp4", "tax.mp4"]
            scores = [hit.score for _, hits in groups for hit in hits]
            assert scores[0] == max(scores)
