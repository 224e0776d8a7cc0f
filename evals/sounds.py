"""The speech in the sample, and sounds that are none: music and noises of several kinds, at random but repeatably."""

import wave
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tools.base import Span
from ..tools.video import Video

RATE = 16000
SPOKEN = (Span(2.6, 14.9), Span(32.6, 43.4))  # of the sample
Sound = NDArray[np.floating[Any]]
_MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)


def spoken(media: Path) -> list[Sound]:
    """What is said in the sample, mono in -1..1. `media` is a folder for what a video keeps."""
    with resources.as_file(resources.files("reelcue.evals") / "sample" / "sample.mp4") as sample:
        video = Video(sample, media)
        return [np.concatenate([piece[:, 0] for _, piece in video.sound(span, RATE)]) for span in SPOKEN]


def write(path: Path, sound: Sound) -> Path:
    """A WAV file of a mono sound in -1..1, RATE samples a second. Returns `path`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def music(seconds: float, rng: np.random.Generator, lengths: tuple[float, ...], chord: tuple[int, ...]) -> Sound:
    """Plucked notes of a scale with harmonics, each with the tones of `chord` in semitones above it."""
    made = np.zeros(int(seconds * RATE))
    beat, root, at = rng.uniform(0.4, 0.9), rng.uniform(110, 330), 0
    while at < len(made):
        size = min(len(made) - at, int(beat * rng.choice(lengths) * RATE) + 1)
        pitch = root * 2 ** (rng.choice(_MAJOR) / 12)
        t = np.arange(size) / RATE
        for step in chord:
            tone = 2 * np.pi * pitch * 2 ** (step / 12) * t
            made[at : at + size] += sum(np.sin(k * tone) * 0.6**k for k in range(1, 6))
        made[at : at + size] *= np.exp(-t * 2) * np.minimum(1, t * 100)
        at += size
    return _level(made)


def drums(seconds: float, rng: np.random.Generator) -> Sound:
    made = np.zeros(int(seconds * RATE))
    t = np.arange(RATE // 5) / RATE
    for n, at in enumerate(np.arange(0, len(made) - len(t), RATE // 4)):
        hit = rng.standard_normal(len(t)) * np.exp(-t * 40) * (n % 2) + np.sin(2 * np.pi * 60 * t) * np.exp(-t * 20)
        made[at : at + len(t)] += hit
    return _level(made)


def band(seconds: float, rng: np.random.Generator) -> Sound:
    lead, accompaniment = music(seconds, rng, (0.5, 1), (0,)), music(seconds, rng, (2, 4), (0, 4, 7))
    return _level(lead + accompaniment + drums(seconds, rng))


def noise(seconds: float, rng: np.random.Generator, slope: float, moving: float = 0.0) -> Sound:
    """Noise whose amplitude falls with frequency to the power of `slope`; `moving` 0..1 is how far it swells."""
    size = int(seconds * RATE)
    shape = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 30) ** -slope
    made = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * shape, size)
    return _level(made * (1 + moving * np.sin(2 * np.pi * 0.3 * np.arange(size) / RATE)))


def hum(seconds: float, rng: np.random.Generator) -> Sound:
    t = np.arange(int(seconds * RATE)) / RATE
    made = sum(np.sin(2 * np.pi * 100 * k * t) / k for k in range(1, 10))
    return _level(made + 0.1 * rng.standard_normal(len(t)))


def beeps(seconds: float, rng: np.random.Generator) -> Sound:
    t = np.arange(int(seconds * RATE)) / RATE
    return _level(np.sin(2 * np.pi * 1000 * t) * (t % 0.8 < 0.2) + 0.01 * rng.standard_normal(len(t)))


def _level(sound: Any) -> Sound:
    made: Sound = 0.1 * sound / np.std(sound)
    return made


KINDS: Mapping[str, Callable[[float, np.random.Generator], Sound]] = {
    "melody": lambda seconds, rng: music(seconds, rng, (0.5, 1, 2), (0,)),
    "chords": lambda seconds, rng: music(seconds, rng, (2, 4), (0, 4, 7)),
    "drums": drums,
    "band": band,
    "white noise": lambda seconds, rng: noise(seconds, rng, 0),
    "pink noise": lambda seconds, rng: noise(seconds, rng, 0.5),
    "brown noise": lambda seconds, rng: noise(seconds, rng, 1),
    "surf": lambda seconds, rng: noise(seconds, rng, 0.5, 0.9),
    "hum": hum,
    "beeps": beeps,
    "silence": lambda seconds, rng: np.zeros(int(seconds * RATE)),
}
