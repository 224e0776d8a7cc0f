"""Rough transcripts of English with what comes in a wheel: pocketsphinx (Huggins-Daines et al., ICASSP 2006).

Each stretch is decoded at once, so that its mean cepstrum is known from the start: fed in blocks, as from a microphone,
it makes a fifth more errors. About three words of ten are wrong in clear read speech, most in meetings and telephone
calls; the posterior of the words tells which it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .base import Span
from .errors import ToolUnavailable
from .transcript import Passage, Word
from .voice import RATE, Stretch, stretches

if TYPE_CHECKING:
    from .video import Video

PAUSE = 0.5  # seconds between words that end a passage
LONG = 15.0  # seconds of a passage
# Of English, however hard to hear, an eighth of the words and more are sure; of other languages and of music fewer.
SURE, SHARE = 0.9, 0.12
MEAN, MEAN_OF_FEW, FEW = 0.3, 0.6, 5  # least mean confidence; of fewer words than FEW it must be higher
_FRAME = 0.01  # seconds of a frame of the decoder
_FAST = {"ds": 2, "maxhmmpf": 3000}
_MISSING = "pocketsphinx is not installed, there is no package of it for every Python: take Python 3.11 to 3.13"


class Sphinx:
    """A recogniser of English. `fast` takes 40 % of the time and makes a tenth more errors."""

    digest = "pocketsphinx-en-us"

    def __init__(self, fast: bool = False) -> None:
        self._fast = fast

    @cached_property
    def _decoder(self) -> Any:
        if not installed():
            raise ToolUnavailable(f"speech: {_MISSING}, or set speech.backend to faster-whisper")
        from pocketsphinx import Decoder

        decoder = Decoder(samprate=RATE, loglevel="FATAL", **(_FAST if self._fast else {}))
        decoder.start_utt()  # the first utterance is heard a little differently from the same one later
        decoder.process_raw(bytes(RATE), full_utt=True)
        decoder.end_utt()
        return decoder

    def hear(self, video: "Video", span: Span | None) -> Iterator[Passage]:
        """Passages in order. Nothing, and a word in `video.problems`, where what is spoken is probably not English.

        Raises ToolUnavailable where pocketsphinx is not installed, and VideoError.
        """
        heard = unclear = 0
        for stretch in stretches(video.sound(span, RATE, 1)):
            words = self.words(stretch)
            if len(words) < 2:  # a sigh, a chord
                continue
            if _understood(words):
                heard += 1
                yield from _passages(words)
            else:
                unclear += 1
        if unclear and heard:
            video.note(f"speech: not understood in {unclear} places, too noisy or not English")
        elif unclear:
            video.note("speech: not understood, it is probably not English or too noisy for this recogniser")

    def words(self, stretch: Stretch) -> list[Word]:
        """What pocketsphinx makes of a stretch, with the posterior of each word."""
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(stretch.samples.tobytes(), full_utt=True)
        decoder.end_utt()
        heard = decoder.seg() or ()
        return [
            Word(
                stretch.start + segment.start_frame * _FRAME,
                min(stretch.end, stretch.start + (segment.end_frame + 1) * _FRAME),
                segment.word.partition("(")[0],
                round(min(1.0, segment.prob), 3),
            )
            for segment in heard
            if segment.word[0] not in "<[+"
        ]


def installed() -> bool:
    return find_spec("pocketsphinx") is not None


def _understood(words: Sequence[Word]) -> bool:
    """Whether what was heard in a stretch is English at all."""
    scores = [word.score or 0.0 for word in words]
    mean = sum(scores) / len(scores)
    sure = sum(score > SURE for score in scores) / len(scores)
    return sure >= SHARE and mean >= (MEAN if len(scores) >= FEW else MEAN_OF_FEW)


def _passages(words: Sequence[Word]) -> Iterator[Passage]:
    """Cut at pauses, and where a passage gets long."""
    group: list[Word] = []
    for word in words:
        if group and (word.start - group[-1].end > PAUSE or word.end - group[0].start > LONG):
            yield _passage(group)
            group = []
        group.append(word)
    yield _passage(group)


def _passage(words: Sequence[Word]) -> Passage:
    said = tuple(replace(word, text="I" if word.text == "i" else word.text) for word in words)
    return Passage(said, " ".join(word.text for word in said), "en", rough=True)
