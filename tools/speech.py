"""Speech: what is said, where no subtitles tell it, by faster-whisper or, roughly and in English, by pocketsphinx."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from . import hub, sphinx, whisper
from .base import Observation, Span
from .errors import ToolUnavailable
from .languages import language_tag

if TYPE_CHECKING:
    from .transcript import Passage
    from .video import Video

BACKENDS = ("auto", "pocketsphinx", "faster-whisper")
TOLD = 0.05  # share of a video that subtitles cover, from which they are taken to tell all that is said
_ROUGHLY = "speech was recognised roughly, by pocketsphinx"
_ADVICE = (
    _ROUGHLY + ". For better transcripts, in many languages: pip install "
    '"reelcue[asr]", reelcue models get whisper-small ({megabytes} MB), set speech.model to whisper-small, and add '
    "again; its authors report 13 minutes of speech in 1 min 42 s on 8 cores"
)


class Speech:
    """Yields `speech`, one observation for each passage, with its words [[start, end, text, confidence]].

    `backend` auto leaves videos with subtitles alone, and takes faster-whisper where it is installed and a `model` is
    set, else pocketsphinx; a backend that is named works on every video. `model` is a name for `reelcue models get`, or
    a folder; `language` is BCP 47, found out where it is None; `fast` is for pocketsphinx.

    Observations with `rough` in their data have many wrong words. Raises ToolUnavailable for a backend that is named
    and not installed, and for a model that is not there.
    """

    name: ClassVar[str] = "speech"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("speech",)
    needs: ClassVar[tuple[str, ...]] = ("speech",)

    def __init__(
        self, backend: str = "auto", model: str | None = None, language: str | None = None, fast: bool = False
    ) -> None:
        if backend not in BACKENDS:
            raise ToolUnavailable(f"speech: no backend {backend!r}; there are {', '.join(BACKENDS)}")
        tag = language_tag(language)
        if language and not tag:
            raise ToolUnavailable(f"speech: no language {language!r}; name it as in BCP 47, such as en or pt-BR")
        given = {"backend": None if backend == "auto" else backend, "model": model, "language": tag, "fast": fast}
        self.options: Mapping[str, Any] = {key: value for key, value in given.items() if value}
        self._auto, self._model, self._language, self._fast = backend == "auto", model, tag, fast
        self._whisper = backend == "faster-whisper" or (self._auto and bool(model) and whisper.installed())
        self._mute = self._auto and not self._whisper and not sphinx.installed()

    @cached_property
    def _recogniser(self) -> "whisper.Whisper | sphinx.Sphinx":
        if self._whisper:
            return whisper.Whisper(whisper.model_folder(self._model or "whisper-small"), self._language)
        return sphinx.Sphinx(self._fast)

    @cached_property
    def digest(self) -> str | None:
        """Of the model: a better one makes the transcripts anew."""
        if self._mute:
            return None
        return self._recogniser.digest

    @property
    def cost(self) -> float:
        return 40.0 if self._whisper else 4.0 if self._fast else 10.0

    @property
    def advice(self) -> str | None:
        """What does better, where pocketsphinx has to do; `add` says it once."""
        if self._whisper or not self._auto:
            return None
        if self._model:
            return f'{_ROUGHLY}: speech.model needs faster-whisper; pip install "reelcue[asr]", and add again'
        return _ADVICE.format(megabytes=hub.WHISPER["whisper-small"].megabytes)

    def sidecars(self, video: "Video") -> Sequence[Path]:
        return ()

    def observe(self, video: "Video", span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        told = sum(row.span.seconds for row in seen if row.kind == "speech" and not row.data.get("forced"))
        if self._auto and told > TOLD * (span.seconds if span else video.duration):
            return
        if self._mute:
            video.note("speech was not recognised: neither pocketsphinx (Python 3.11 to 3.13) nor faster-whisper "
                  'is installed; pip install "reelcue[asr]"')  # fmt: skip
        elif not self._whisper and self._language and self._language.partition("-")[0].lower() != "en":
            video.note(f"speech was not recognised: pocketsphinx knows English only, not {self._language}; "
                  'pip install "reelcue[asr]" and set speech.model')  # fmt: skip
        else:
            yield from map(self._observation, self._recogniser.hear(video, span))

    def _observation(self, passage: "Passage") -> Observation:
        words = [[word.start, word.end, word.text, word.score] for word in passage.words]
        scores = [word.score for word in passage.words if word.score is not None]
        data = {"language": passage.language, "words": words, "rough": passage.rough}
        return Observation(
            self.name,
            "speech",
            Span(passage.words[0].start, passage.words[-1].end),
            passage.text,
            sum(scores) / len(scores) if scores else None,
            {key: value for key, value in data.items() if value},
        )
