"""Which stretches of a sound are worth a recogniser's time: those with voice activity that is neither music nor noise.

Voice activity is that of WebRTC, at its most lenient, as it comes with pocketsphinx. What it lets through is judged
every half second by a window of 2.6 s: how deep and how fast its level and its bands change, how flat its spectrum is,
how periodic it is, and whether its pitch glides. Features of Scheirer and Slaney, "Construction and evaluation of a
robust multifeature speech/music discriminator" (ICASSP 1997) and of Tzanetakis and Cook (2002), in numpy.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16000
LONGEST = 25.0  # seconds of a stretch
SHORTEST = 0.3
_QUIET = 5.0  # seconds before the end of a stretch that is too long, in which it is cut where it is quietest
_JUMP = 0.05  # seconds between pieces that do not follow each other
_FRAME, _HOP = 512, 256  # samples of a spectrum, and from one to the next: 32 ms, 16 ms
_WINDOW, _STEP = 160, 32  # spectra of a window, and from one to the next: 2.6 s, 0.5 s
_EDGES = np.unique(np.round(np.geomspace(100, 7500, 21) / RATE * _FRAME).astype(int))  # of the bands, in bins
_SPEECH = slice(3, 240)  # bins that speech fills: 94 Hz to 7.5 kHz
_LAGS = slice(RATE // 400, RATE // 80)  # of pitch, 400 Hz to 80 Hz
_HANN = np.hanning(_FRAME).astype(np.float32)
_SMOOTH = 5  # windows whose scores are averaged
_BORDER = 0.7  # seconds around speech that are kept with it

# Of a logistic regression on a few minutes of speech in English and German, of music and of noise, in the order of
# `_features`; the last one is the constant. `reelcue bench sound` measures it on other material.
_WEIGHTS = np.array([
    -0.088, 7.14, -2.67, 7.51, -0.262, 1.23, -0.752, -0.474,
    -0.476, -0.639, 20, 9.29, 6.41, 3.86, 0.461, -15.7,
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound from `start`, in seconds of the video: (n,) 16-bit samples, RATE of them a second."""

    start: float
    samples: "NDArray[np.int16]"

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE


def stretches(pieces: "Iterable[tuple[float, NDArray[np.float32]]]") -> Iterator[Stretch]:
    """The speech in a sound, in order, in stretches of at most LONGEST seconds.

    `pieces` are (n, 1) float32 at RATE, each with its time. No more than a stretch is kept.
    """
    for voiced in _voiced(pieces):
        yield from _spoken(voiced)


def speech_scores(samples: "NDArray[np.int16]") -> "NDArray[np.float64]":
    """(windows,) of a stretch: above 0 where speech is likelier than music or noise."""
    windows = np.array([_features(spectra) for spectra in _windows(samples)])
    scores: NDArray[np.float64] = windows @ _WEIGHTS[:-1] + _WEIGHTS[-1]
    return scores


def _voiced(pieces: "Iterable[tuple[float, NDArray[np.float32]]]") -> Iterator[Stretch]:
    activity: _Activity | None = None
    for time, samples in pieces:
        if activity is None or abs(time - activity.now) > _JUMP:
            yield from activity.rest() if activity else ()
            activity = _Activity(time)
        yield from activity.take(samples[:, 0])
    yield from activity.rest() if activity else ()


class _Activity:
    """Voice activity in a sound without gaps, from the second `start` on."""

    def __init__(self, start: float) -> None:
        from pocketsphinx import Endpointer

        self.now = self._start = start  # `now` is the end of what was taken
        self._points = Endpointer(sample_rate=RATE, vad_mode=0)
        self._held, self._voice, self._from = b"", list[bytes](), start
        self._speaking = False  # a cut may come between two frames of an utterance

    def take(self, samples: "NDArray[np.float32]") -> Iterator[Stretch]:
        self.now += len(samples) / RATE
        held = self._held + (samples * 32767).astype(np.int16).tobytes()
        size = self._points.frame_bytes
        last = len(held) - len(held) % size
        for at in range(0, last, size):
            yield from self._heard(self._points.process(held[at : at + size]))
        self._held = held[last:]

    def rest(self) -> Iterator[Stretch]:
        # Not an empty end: without it the last words of a sound of whole frames would be lost.
        yield from self._heard(self._points.end_stream(self._held + b"\0\0"))
        yield from self._cut(0)

    def _heard(self, voice: bytes | None) -> Iterator[Stretch]:
        if voice is not None:
            if not self._speaking:
                self._speaking, self._from = True, self._start + self._points.speech_start
            self._voice.append(voice)
            if len(self._voice) * self._points.frame_length >= LONGEST:
                yield from self._cut(math.ceil(_QUIET / self._points.frame_length))
        if not self._points.in_speech:
            yield from self._cut(0)
            self._speaking = False

    def _cut(self, last: int) -> Iterator[Stretch]:
        """What is there, up to the quietest of the last frames."""
        at = len(self._voice)
        if last:
            levels = [np.abs(np.frombuffer(voice, np.int16).astype(np.int32)).sum() for voice in self._voice[-last:]]
            at = at - last + int(np.argmin(levels)) + 1
        if voice := b"".join(self._voice[:at]):
            yield Stretch(self._from, np.frombuffer(voice, np.int16))
            self._from += len(voice) / 2 / RATE
        self._voice = self._voice[at:]


def _spoken(stretch: Stretch) -> Iterator[Stretch]:
    """The parts of a stretch that are speech."""
    samples = stretch.samples
    if len(samples) < SHORTEST * RATE:
        return
    scores = speech_scores(samples)
    scores = np.convolve(np.pad(scores, _SMOOTH // 2, "edge"), np.full(_SMOOTH, 1 / _SMOOTH), "valid")
    kept = np.zeros(len(samples), bool)
    middle, border = _WINDOW * _HOP // 2, int(_BORDER * RATE)
    for n in np.flatnonzero(scores > 0):
        at = n * _STEP * _HOP + middle
        first = 0 if n == 0 else at - border
        kept[max(0, first) : None if n == len(scores) - 1 else at + border] = True
    ends = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    for first, end in zip(ends[::2], ends[1::2], strict=True):
        if end - first >= SHORTEST * RATE:
            yield Stretch(stretch.start + int(first) / RATE, samples[first:end])


@dataclass(frozen=True, slots=True)
class _Spectra:
    """Of n frames: level in dB, level of each band, log of the flatness, periodicity 0..1, pitch in octaves, share of
    what is below 1 kHz."""

    level: Any
    bands: Any
    flatness: Any
    periodic: Any
    pitch: Any
    low: Any

    @classmethod
    def of(cls, samples: "NDArray[np.int16]") -> "_Spectra":
        sound = samples.astype(np.float32)
        sound *= 0.1 / (float(np.std(sound)) + 1e-9)
        sound = np.pad(sound, (0, max(0, _FRAME - len(sound))))
        frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_HOP]
        power = np.abs(np.fft.rfft(frames * _HANN)) ** 2  # (n, 257)
        whole = power[:, _SPEECH].sum(1) + 1e-9
        bands = np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
        flatness = np.exp(np.mean(np.log(power[:, _SPEECH] + 1e-9), 1)) / (np.mean(power[:, _SPEECH], 1) + 1e-9)
        echo = np.fft.irfft(power, axis=1)
        hann = np.fft.irfft(np.abs(np.fft.rfft(_HANN)) ** 2)
        echo = echo[:, _LAGS] / (echo[:, :1] + 1e-9) / (hann[_LAGS] / hann[0])
        pitch = np.log2(RATE / (echo.argmax(1) + _LAGS.start))
        decibel = 10 * np.log10(whole), 10 * np.log10(bands + 1e-7)
        low = power[:, _SPEECH.start : 32].sum(1) / whole
        return cls(*decibel, np.log(flatness + 1e-6), np.clip(echo.max(1), 0, 1), pitch, low)

    def part(self, first: int) -> "_Spectra":
        window = slice(first, first + _WINDOW)
        parts = (self.level, self.bands, self.flatness, self.periodic, self.pitch, self.low)
        return _Spectra(*(part[window] for part in parts))


def _windows(samples: "NDArray[np.int16]") -> Iterator[_Spectra]:
    spectra = _Spectra.of(samples)
    for first in range(0, max(1, len(spectra.level) - _WINDOW + 1), _STEP):
        yield spectra.part(first)


def _features(window: _Spectra) -> list[float]:
    floor = np.percentile(window.level, 95) - 60
    level, bands = np.maximum(window.level, floor), np.maximum(window.bands, floor)
    slow, syllables, fast = _modulation(level)
    parts = _modulation(bands)
    flux = np.abs(np.diff(bands, axis=0)).mean(1) if len(bands) > 1 else np.zeros(1)
    loud = level > floor + 35
    voiced = (window.periodic > 0.6) & loud
    moves = np.abs(np.diff(window.pitch))[voiced[1:] & voiced[:-1]]
    glides = float(((moves > 0.004) & (moves < 0.08)).mean()) if len(moves) > 5 else 0.0
    flatness, periodic = window.flatness[loud], window.periodic[loud]
    found = (
        *(level.std(), np.mean(level < level.mean() - 8), syllables / (slow + syllables + fast + 1e-3)),
        *(np.mean(parts[1] / (sum(parts) + 1e-3)), np.log(np.mean(parts[1]) + 1e-2)),
        *(flux.mean(), flux.std() / (flux.mean() + 0.1), flatness.mean(), flatness.std()),
        *(periodic.mean(), periodic.std(), glides, window.low[loud].std(), np.mean(flux < 1.5), voiced.mean()),
    )
    return [float(value) for value in found]


def _modulation(levels: Any) -> list[Any]:
    """How much levels, (n,) or (n, bands), change at 0.5-2, 2-8 (as syllables do) and 8-31 times a second."""
    n = len(levels)
    moved = (levels - levels.mean(0)) * np.hanning(n).reshape(-1, *[1] * (levels.ndim - 1))
    power = np.abs(np.fft.rfft(moved, axis=0)) ** 2 / (n * n)
    rates = np.arange(len(power)) * RATE / _HOP / n
    return [power[(rates >= low) & (rates < high)].sum(0) for low, high in ((0.5, 2), (2, 8), (8, 31))]
