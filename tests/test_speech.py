"""Rough transcripts of the sample's speech: what is heard, when, how sure, and how it is told."""

import json
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import SHARED, Pictures, every, opened, write

from reelcue.agent import Agent
from reelcue.evals import sounds
from reelcue.evals.wer import wer
from reelcue.index import Library
from reelcue.index.ingest import Event
from reelcue.tools import registry, speech, sphinx, whisper
from reelcue.tools.base import Observation, Span, Tool
from reelcue.tools.errors import ToolUnavailable
from reelcue.tools.video import Video

SAMPLE = Path(__file__).parents[1] / "evals" / "sample" / "sample.mp4"
NARRATED = (
    "This is the optical and science segment of the Webb space telescope in one of the largest cleanrooms in the world "
    "at NASA's Goddard Space Flight Center in Greenbelt, Maryland."
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return Video(SAMPLE, tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def heard(sample: Video) -> list[Observation]:
    return list(speech.Speech().observe(sample, None, ()))


def told(rows: list[Observation]) -> str:
    return " ".join(row.text for row in rows)


class TestPocketsphinx:
    def test_what_is_heard(self, heard: list[Observation]) -> None:
        said = [row for row in heard if row.span.end < 16]
        assert wer([NARRATED], [told(said)]) < 0.45
        assert "goddard space flight center" in told(said)
        assert "what you can do for your country" in told(heard).replace("  ", " ")
        assert not [row for row in heard if row.span.start > 45]  # film music and noise

    def test_words_have_times_and_confidence(self, heard: list[Observation]) -> None:
        for row in heard:
            words = row.data["words"]
            assert (row.data["language"], row.data["rough"]) == ("en", True)
            assert row.text == " ".join(text for _, _, text, _ in words)
            assert row.span == Span(words[0][0], words[-1][1])
            assert all(start < end and 0 <= score <= 1 for start, end, _, score in words)
            assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(words))
            assert row.score == pytest.approx(np.mean([score for *_, score in words]))
        times = {text: start for row in heard for start, _, text, _ in row.data["words"]}
        assert times["goddard"] == pytest.approx(11.7, abs=0.5)

    def test_a_part(self, sample: Video) -> None:
        part = list(speech.Speech().observe(sample, Span(30.0, 45.0), ()))
        assert "country" in told(part)
        assert all(row.span.start >= 30 and row.span.end <= 45 for row in part)

    def test_fast(self, sample: Video) -> None:
        assert "space" in told(list(speech.Speech(fast=True).observe(sample, Span(2.0, 15.0), ())))

    @pytest.mark.parametrize("kind", ["band", "white noise", "silence"])
    def test_nothing_is_heard_in(self, tmp_path: Path, kind: str) -> None:
        made = sounds.KINDS[kind](120.0, np.random.default_rng(5))
        video = Video(sounds.write(tmp_path / "a.wav", made), tmp_path)
        assert told(list(speech.Speech().observe(video, None, ()))) == ""

    def test_a_video_without_sound(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 3))))
        assert list(speech.Speech().observe(video, None, ())) == []
        assert video.problems == []

    @pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared clips")
    def test_another_language_is_no_nonsense(self, tmp_path: Path) -> None:
        video = Video(SHARED / "audio" / "azure_de-DE.wav", tmp_path)
        assert list(speech.Speech().observe(video, None, ())) == []
        assert "probably not English" in video.problems[-1]


class TestChoosing:
    def test_subtitles_come_first(self, sample: Video) -> None:
        line = Observation("subtitles", "speech", Span(2.0, 14.0), "This is it.")
        part = Span(2.0, 15.0)
        assert list(speech.Speech().observe(sample, part, [line])) == []
        few = [Observation("subtitles", "speech", Span(2.0, 2.1), "Ja.")]
        assert told(list(speech.Speech(fast=True).observe(sample, part, few)))
        assert told(list(speech.Speech("pocketsphinx", fast=True).observe(sample, part, [line])))

    def test_forced_subtitles_do_not_tell_what_is_said(self, sample: Video) -> None:
        sign = Observation("subtitles", "speech", Span(2.0, 6.0), "To the harbour", data={"forced": True})
        assert told(list(speech.Speech(fast=True).observe(sample, Span(2.0, 15.0), [sign])))

    def test_the_advice_is_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(whisper, "installed", lambda: False)
        assert "models get whisper-small" in (speech.Speech().advice or "")
        assert "speech.model needs faster-whisper" in (speech.Speech(model="whisper-small").advice or "")
        assert speech.Speech("pocketsphinx").advice is None

    @pytest.mark.parametrize("name", ["English", "eng", "en_US", "en-GB"])
    def test_languages_have_several_names(self, sample: Video, name: str) -> None:
        assert told(list(speech.Speech(language=name, fast=True).observe(sample, Span(33.0, 38.0), ())))

    def test_options_make_it_again(self) -> None:
        for options in ({}, {"fast": True}, {"backend": "pocketsphinx", "language": "en"}):
            tool = registry.make("speech", options)
            assert isinstance(tool, Tool) and tool.options == options
            assert tool.digest == sphinx.Sphinx.digest

    def test_what_cannot_be(self, sample: Video, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ToolUnavailable, match="no language 'elvish'; name it as in BCP 47"):
            speech.Speech(language="elvish")
        with pytest.raises(ToolUnavailable, match="no backend 'ears'; there are auto, pocketsphinx"):
            registry.make("speech", {"backend": "ears"})
        assert list(speech.Speech(language="de").observe(sample, None, ())) == []
        assert "pocketsphinx knows English only, not de" in sample.problems.pop()
        monkeypatch.setattr(sphinx, "installed", lambda: False)
        assert speech.Speech().digest is None
        assert list(speech.Speech().observe(sample, None, ())) == []
        assert "was not recognised: neither pocketsphinx" in sample.problems.pop()
        with pytest.raises(ToolUnavailable, match="pocketsphinx is not installed"):
            list(speech.Speech("pocketsphinx").observe(sample, None, ()))
        monkeypatch.setattr(whisper, "installed", lambda: False)
        with pytest.raises(ToolUnavailable, match="whisper"):
            _ = speech.Speech("faster-whisper").digest


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The sample without its subtitles and a noise; of a better recogniser it was told once."""
    folder = tmp_path_factory.mktemp("videos")
    shutil.copyfile(SAMPLE, folder / "a.mp4")
    sounds.write(folder / "b.wav", sounds.KINDS["pink noise"](5.0, np.random.default_rng(0)))
    events: list[Event] = []
    with Library(folder / "library", ["subtitles", "speech"]) as lib:
        for added in lib.add([folder], on_event=events.append):
            assert added.error is None
        notes = [event.message for event in events if event.what == "note" and "pocketsphinx" in event.message]
        assert len(notes) == 1 and "reelcue models get whisper-small (" in notes[0] and "MB" in notes[0]
        yield lib


class TestAnswers:
    def test_are_labelled_masked_and_never_strong(self, library: Library) -> None:
        answer = Agent(library).ask("Which space telescope does the narrator talk about?")
        assert (answer.found, answer.band) == (True, "weak")
        citation = answer.citations[0]
        assert citation.rough and citation.language == "en"
        assert 2 < citation.span.start < 6
        assert "space telescope" in citation.text and "…" in citation.text
        assert " web " not in citation.text  # confidence 0.2: it is Webb
        assert "a rough transcript hears" in answer.answer
        assert answer.to_dict()["citations"][0]["rough"] is True

    def test_the_moment_of_another_question(self, library: Library) -> None:
        answer = Agent(library).ask("Where is the cleanroom, according to the narrator?")
        assert answer.found and answer.citations[0].span.overlap(Span(2.6, 14.9)) > 0

    def test_what_was_not_said_is_not_found(self, library: Library) -> None:
        assert not Agent(library).ask("How much did the telescope cost?").found


def roughly(path: Path, *passages: Sequence[tuple[str, float]]) -> Path:
    """A recorded timeline of rough passages, a hundred seconds apart: words and how sure they are."""
    rows = [
        {
            "video": "talk.mp4", "kind": "speech", "start": 100 * n, "end": 100 * n + 5,
            "text": " ".join(word for word, _ in passage),
            "data": {"rough": True, "words": [[100 * n, 100 * n + 1, word, score] for word, score in passage]},
        }
        for n, passage in enumerate(passages)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


class TestRoughWords:
    @pytest.mark.parametrize(
        "question",
        [
            "What is said in the first 8 seconds?", "When did the senator resign?", "Summarize the video",
            "How often is senator mentioned?", "Which videos mention a senator?", "What is said about the senator?",
        ],
    )  # fmt: skip
    def test_that_are_mostly_doubted_are_no_answer(self, tmp_path: Path, question: str) -> None:
        doubted = [(word, 0.1) for word in "the senator will resign because of bribery".split()]
        with Library(tmp_path / "library", tools=()) as lib:
            lib.add([roughly(tmp_path / "a.jsonl", doubted)])
            assert not Agent(lib).ask(question).found

    def test_are_quoted_as_the_text_has_them(self, tmp_path: Path) -> None:
        words = [["the", 0.9], ["well", 0.9], ["-known", 0.8], ["harbour", 0.9], ["swims", 0.1], ["sinks", 0.2]]
        row = {
            "video": "talk.mp4", "kind": "speech", "start": 0, "end": 5, "text": "the well-known harbour swims sinks",
            "data": {"rough": True, "words": [[0, 1, *word] for word in words] + [[4, 5, "no score"]]},
        }  # fmt: skip
        (tmp_path / "a.jsonl").write_text(json.dumps(row))
        with Library(tmp_path / "library", tools=()) as lib:
            lib.add([tmp_path / "a.jsonl"])
            (citation,) = Agent(lib).ask("What is said about the harbour?").citations
            assert citation.text == "the well-known harbour …"
