"""Speech to words by Whisper (Radford et al. 2022) in CTranslate2, through faster-whisper: many languages, no torch.

What Silero's detector finds voiced is recognised in clips of at most half a minute, a few at a time.
"""

import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import cores, hub
from .base import Span
from .errors import ToolFailed, ToolUnavailable
from .text import line
from .transcript import Passage, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .video import Video

RATE = 16000  # samples a second, what Whisper hears
STRETCH = 300.0  # seconds of sound in memory at a time
CLIP = 30.0  # seconds that Whisper hears at once
JOIN = 2.0  # seconds of silence that a clip may hold between words
PAUSE = 1.0  # seconds of silence after which a new passage begins
SHORTEST = 0.02  # seconds of a word
BATCH = 8
# Beyond these (Radford et al. 2022, section 4.5) what comes out was not said.
SILENT, UNSURE, REPETITIVE = 0.6, -1.0, 2.4
# Whisper's names for languages where they are not those of BCP 47.
_CODES = {"jv": "jw", "nb": "no", "fil": "tl", "cmn": "zh"}
_NAMES = {"jw": "jv"}
_NEEDED = ("config.json", "model.bin", "tokenizer.json")
_REMEDY = "name another with speech.model, such as whisper-small (reelcue models get whisper-small)"


class Whisper:
    """A Whisper in the layout of CTranslate2, loaded when it first hears something.

    `language` is BCP 47, None to find it out every five minutes; `threads` 0 means as many as there are cores.
    Raises ToolUnavailable where `folder` holds no such model or faster-whisper is missing.
    """

    def __init__(self, folder: Path, language: str | None = None, threads: int = 0) -> None:
        self.folder = folder
        self._threads = threads
        self._language = _code(language)
        if not installed():
            raise ToolUnavailable("faster-whisper is not installed; install it with pip install 'reelcue[asr]'")
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise ToolUnavailable(f"{_name(folder)}: no Whisper for faster-whisper, {missing[0]} is missing; {_REMEDY}")

    @cached_property
    def digest(self) -> str:
        """The first 16 hex digits of the sha256 of the weights."""
        try:
            return hub.digest(self.folder, "model.bin")[:16]
        except OSError as error:
            raise ToolUnavailable(f"{_name(self.folder)}: cannot be read ({error.strerror}); {_REMEDY}") from error

    def hear(self, video: "Video", span: Span | None = None) -> Iterator[Passage]:
        """What is said in `span`, or in all of `video`, in order; nothing for silence and noise.

        Holds five minutes of sound at most. Raises ToolUnavailable, ToolFailed and VideoError.
        """
        for start, samples, clips in _stretches(video.sound(span, RATE)):
            if clips:
                yield from self._passages(start, samples, clips)

    def _passages(self, start: float, samples: "NDArray[np.float32]", clips: Sequence[Span]) -> Iterator[Passage]:
        """What is said in `clips`, in seconds of `samples`, which begin at the second `start`."""
        pipeline = self._pipeline
        try:
            found, info = pipeline.transcribe(
                samples, language=self._language, word_timestamps=True, batch_size=BATCH,
                clip_timestamps=[{"start": clip.start, "end": clip.end} for clip in clips],
            )  # fmt: skip
            language = _NAMES.get(info.language, info.language)
            for segment in found:
                if segment.no_speech_prob > SILENT and segment.avg_logprob < UNSURE:
                    continue
                words = _once(segment.words) if segment.compression_ratio > REPETITIVE else segment.words
                clip = max((clip for clip in clips if clip.start <= segment.seek / 100 + 0.01), key=lambda c: c.start)
                for group in _groups(words, clip):
                    timed = tuple(Word(start + w.start, start + w.end, w.text.strip(), w.score) for w in group)
                    text = "".join(word.text for word in group).strip()
                    yield Passage(timed, text, language, rough=bool(segment.avg_logprob < UNSURE))
        except (RuntimeError, ValueError) as error:
            raise ToolFailed(f"{_name(self.folder)}: Whisper broke ({line(str(error))}); {_REMEDY}") from error

    @cached_property
    def _pipeline(self) -> Any:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        threads = self._threads or cores.threads() or os.cpu_count() or 1
        try:
            model = WhisperModel(
                str(self.folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
            bands = len(model.feature_extractor.mel_filters)
            if bands != model.model.n_mels:
                raise ValueError(f"it hears {model.model.n_mels} bands, preprocessor_config.json says {bands}")
            if model.hf_tokenizer.token_to_id("<|startoftranscript|>") is None:
                raise ValueError("its tokenizer is not Whisper's")
        except Exception as error:  # CTranslate2 and tokenizers raise whatever they like for a damaged file
            raise ToolUnavailable(
                f"{_name(self.folder)}: no Whisper that can be loaded ({line(str(error))}); {_REMEDY}"
            ) from error
        if self._language and self._language not in model.supported_languages:
            known = "only English" if len(model.supported_languages) == 1 else f"no {self._language}"
            raise ToolUnavailable(f"{_name(self.folder)}: it knows {known}; set another speech.language, or none")
        return BatchedInferencePipeline(model)


def installed() -> bool:
    """Whether faster-whisper is there; it is not loaded for that."""
    return importlib.util.find_spec("faster_whisper") is not None


def model_folder(name: str) -> Path:
    """Where the Whisper called `name` is: one that was fetched, or a folder.

    Raises ToolUnavailable, saying what fetches it.
    """
    found = hub.fetched(name)
    if found:
        return found
    if name in hub.WHISPER:
        size = hub.WHISPER[name].megabytes
        raise ToolUnavailable(f"{name} was not fetched yet: run reelcue models get {name} ({size} MB)")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    raise ToolUnavailable(
        f"speech.model {line(name)!r}: there is neither a folder nor a fetched model of that name; the models are "
        f"{', '.join(hub.WHISPER)}: run reelcue models get whisper-small ({hub.WHISPER['whisper-small'].megabytes} MB)"
    )


def _stretches(
    pieces: "Iterable[tuple[float, NDArray[np.float32]]]",
) -> "Iterator[tuple[float, NDArray[np.float32], list[Span]]]":
    """(second of the first sample, samples, clips that are voiced in seconds of these), five minutes or less at a time.

    One ends in silence where there is any; gaps of the sound are silence, unless they are long.
    """
    start, held, size = 0.0, [np.zeros(0, np.float32)], 0
    for time, piece in pieces:
        gap = round((time - start) * RATE) - size
        if size and gap > CLIP * RATE:
            samples = np.concatenate(held)
            yield start, samples, _clips(samples)
            held, size = [], 0
        if not size:
            start, held = time, []
        elif gap > 0:
            held.append(np.zeros(gap, np.float32))
            size += gap
        held.append(piece[:, 0])
        size += len(piece)
        if size >= STRETCH * RATE:
            samples = np.concatenate(held)
            clips = _clips(samples)
            rest = _rest(samples, clips)
            yield start, samples, [clip for clip in clips if clip.start * RATE < rest]
            start, held, size = start + rest / RATE, [samples[rest:].copy()], len(samples) - rest
    samples = np.concatenate(held)
    yield start, samples, _clips(samples) if size else []


def _rest(samples: "NDArray[np.float32]", clips: Sequence[Span]) -> int:
    """The first sample of a clip that may go on after the last sample; where there is none, the end."""
    size = len(samples)
    return int(clips[-1].start * RATE) if clips and size - clips[-1].end * RATE < RATE else size


def _clips(samples: "NDArray[np.float32]") -> list[Span]:
    """Voiced parts in seconds, at most as long as Whisper hears at once; those close to each other are one."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=CLIP, min_silence_duration_ms=160, min_speech_duration_ms=100)
    clips: list[Span] = []
    for found in get_speech_timestamps(samples, options):
        start, end = found["start"] / RATE, min(found["end"] / RATE, found["start"] / RATE + CLIP)
        if clips and start - clips[-1].end < JOIN and end - clips[-1].start <= CLIP:
            clips[-1] = Span(clips[-1].start, end)
        elif start < end:
            clips.append(Span(start, end))
    return clips


def _groups(words: Iterable[Any], clip: Span) -> Iterator[list[Word]]:
    """Words without a long pause between them, made to follow each other within `clip`."""
    group: list[Word] = []
    for word in words:
        before = group[-1].start if group else clip.start
        start = min(max(float(word.start), before), clip.end - SHORTEST)
        end = min(max(float(word.end), start + SHORTEST), clip.end)
        if group and start - group[-1].end > PAUSE:
            yield group
            group = []
        if word.word.strip():
            group.append(Word(start, end, word.word, float(word.probability)))
    if group:
        yield group


def _once(words: Sequence[Any]) -> list[Any]:
    """A phrase of up to ten words that comes three times or more in a row, as when Whisper is lost, is kept once."""
    said = [word.word.strip().casefold() for word in words]
    kept: list[Any] = []
    at = 0
    while at < len(words):
        for length in range(1, 11):
            phrase, times = said[at : at + length], 1
            while said[at + times * length : at + (times + 1) * length] == phrase:
                times += 1
            if times > 2:
                break
        else:
            length = times = 1
        kept += words[at : at + length]
        at += length * times
    return kept


def _code(language: str | None) -> str | None:
    """Whisper's code of a language in BCP 47."""
    main = (language or "").partition("-")[0].lower()
    return _CODES.get(main, main) or None


def _name(folder: Path) -> str:
    return line(str(folder))
