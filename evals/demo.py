"""The demo: the sample video that comes with reelcue, and its eight questions asked one after another."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from ..agent.agent import Agent
from ..agent.answer import Answer, Usage
from ..index.ingest import Event
from ..index.library import Library
from ..index.scope import Scope
from ..tools.errors import LibraryError, VideoError
from .base import QAFile, Question, read
from .run import Asker
from .scorers import Score, Scores, score

VIDEO, SIDECAR, QUESTIONS, ATTRIBUTION = "sample.mp4", "sample.en.vtt", "questions.jsonl", "ATTRIBUTION.md"
SAMPLE = files(__package__) / "sample"


@dataclass(frozen=True, slots=True)
class Shown:
    """A question of the demo, its answer, and what is known about it."""

    question: Question
    answer: Answer
    score: Score

    @property
    def expected(self) -> bool:
        """Declined where there is no answer; else right, with a citation that overlaps the gold span."""
        return self.score.right and self.score.hit is not False


@dataclass(frozen=True, slots=True)
class Totals:
    """`usage` is the sum of what the answers cost; `passed` when every answer is as expected."""

    scores: Scores
    usage: Usage
    passed: bool


def questions() -> QAFile:
    with as_file(SAMPLE / QUESTIONS) as path:
        return read(path)


def demo(
    library: Path,
    on_event: Callable[[Event], None] = lambda event: None,
    agent: Callable[[Library], Asker] = Agent,
) -> Iterator[Shown]:
    """Adds the sample to the library at `library`, then asks each question when the caller wants the next one.

    The library keeps the sample in its folder `sample`, so that its moments can be looked at however reelcue was
    installed. Raises VideoError when the sample cannot be added, and LibraryError.
    """
    with Library(library) as lib:
        added = lib.add([_unpack(library / "sample")], on_event=on_event)[0]
        if added.video is None or added.error:
            raise VideoError(f"the sample video could not be added: {added.error}; run reelcue doctor")
        asker = agent(lib)
        for question in questions().questions:
            answer = asker.ask(question.question, scope=Scope(videos=(added.video,)))
            yield Shown(question, answer, score(question, answer.to_dict(), added.video))


def total(shown: Sequence[Shown]) -> Totals:
    spent = [s.answer.usage for s in shown]
    usage = Usage(
        model=next((u.model for u in spent if u.model), None),
        model_calls=sum(u.model_calls for u in spent),
        tokens_in=sum(u.tokens_in for u in spent),
        tokens_out=sum(u.tokens_out for u in spent),
        seconds=sum(u.seconds for u in spent),
    )
    return Totals(Scores.over([s.score for s in shown]), usage, all(s.expected for s in shown))


def _unpack(folder: Path) -> Path:
    """The sample video in this folder, with its subtitles and attribution beside it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (SIDECAR, ATTRIBUTION, VIDEO):
            with as_file(SAMPLE / name) as source:
                kept = folder / name
                if not kept.is_file() or kept.stat().st_size != source.stat().st_size:
                    shutil.copyfile(source, kept)
    except OSError as error:
        raise LibraryError(f"{folder}: the sample cannot be kept there ({error}); choose another --library") from error
    return folder / VIDEO
