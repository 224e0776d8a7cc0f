"""What reaches a recogniser: speech at its true times, and neither silence nor music nor noise."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import Pictures, Sound, every, opened, write
from numpy.typing import NDArray

from reelcue.evals import sounds
from reelcue.tools import voice
from reelcue.tools.base import Span
from reelcue.tools.video import Video

SAMPLE = Path(__file__).parents[1] / "evals" / "sample" / "sample.mp4"
SPOKEN = Span(2.6, 14.9)
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """(n,) of twelve seconds of narration."""
    video = Video(SAMPLE, tmp_path_factory.mktemp("media"))
    return np.concatenate([piece[:, 0] for _, piece in video.sound(SPOKEN, voice.RATE)])


def pieces(sound: Samples, start: float = 0.0, size: int = 1000) -> Iterator[tuple[float, Samples]]:
    for at in range(0, len(sound), size):
        yield start + at / voice.RATE, sound[at : at + size, None]


def share(sound: Samples) -> float:
    """Of a sound, what is kept."""
    kept = sum(stretch.end - stretch.start for stretch in voice.stretches(pieces(sound)))
    return kept * voice.RATE / len(sound)


@pytest.mark.parametrize("kind", sounds.KINDS)
def test_what_is_no_speech(kind: str) -> None:
    made = sounds.KINDS[kind](40.0, np.random.default_rng(11))
    assert share(made.astype(np.float32)) < 0.5
    if kind != "chords":
        assert share(made.astype(np.float32)) < 0.1


def test_speech_is_kept_alone_soft_and_in_noise(speech: Samples) -> None:
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32)
    for sound in (speech, 0.05 * speech, speech + 0.15 * speech.std() * noise):
        assert share(sound) > 0.85


def test_times_are_those_of_the_sound(speech: Samples) -> None:
    silence = np.zeros(5 * voice.RATE, np.float32)
    (stretch,) = voice.stretches(pieces(np.concatenate([silence, speech, silence]), start=100.0))
    assert stretch.start == pytest.approx(105.0, abs=0.5)
    assert stretch.end == pytest.approx(105.0 + len(speech) / voice.RATE, abs=0.7)
    first = round((stretch.start - 105.0) * voice.RATE)
    at = slice(max(0, first), max(0, first) + 1000)
    shifted = stretch.samples[at.start - first : at.stop - first]
    assert shifted == pytest.approx(speech[at] * 32767, abs=1.5)


def test_a_gap_is_no_sound(speech: Samples) -> None:
    half = len(speech) // 2
    found = list(voice.stretches([*pieces(speech[:half]), *pieces(speech[half:], start=60.0)]))
    assert [round(stretch.start / 60) for stretch in found] == [0, 1]
    assert found[0].end <= half / voice.RATE + 0.1


def test_the_last_words_of_whole_frames_are_not_lost(speech: Samples) -> None:
    whole = speech[: 480 * 200]  # Endpointer's frames are of 480 samples
    assert share(whole) > 0.9


def test_long_speech_is_cut_where_it_is_quiet(speech: Samples) -> None:
    found = list(voice.stretches(pieces(np.tile(speech, 6))))
    assert len(found) > 2
    assert max(stretch.end - stretch.start for stretch in found) <= voice.LONGEST + 0.1
    quiet = [np.abs(stretch.samples[-480:].astype(float)).mean() for stretch in found[:-1]]
    assert max(quiet) < np.abs(speech).mean() * 32767


def test_a_cut_at_the_last_frame_is_no_new_utterance(speech: Samples) -> None:
    sound = np.tile(speech, 6)
    frame = 480  # samples
    first = round(next(voice.stretches(pieces(sound))).start * voice.RATE)
    last = first + math.ceil(voice.LONGEST * voice.RATE / frame) * frame
    sound[last - frame : last] *= 0.01
    found = list(voice.stretches(pieces(sound)))
    assert len(found) > 2
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(found))


@pytest.mark.parametrize(
    "sound",
    [
        lambda n: np.zeros(n),
        lambda n: np.ones(n),
        lambda n: np.sign(np.sin(np.arange(n))),
    ],
)
@pytest.mark.parametrize("samples", [1, 100, 480, 20000])
def test_odd_sound(sound: Callable[[int], NDArray[np.float64]], samples: int) -> None:
    for stretch in voice.stretches(pieces(sound(samples).astype(np.float32))):
        assert stretch.end <= samples / voice.RATE + 0.01


def test_no_sound(tmp_path: Path) -> None:
    assert list(voice.stretches([])) == []
    assert list(voice.stretches(opened(write(tmp_path / "a.mp4", Pictures(every(10, 2)))).sound())) == []


def test_eight_channels(tmp_path: Path, speech: Samples) -> None:
    def said(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(t, np.arange(len(speech)) / voice.RATE, speech)

    clip = write(tmp_path / "a.mkv", Pictures(every(10, 12)), Sound([(0, 12)], said, "pcm_s16le", channels=8))
    kept = sum(stretch.end - stretch.start for stretch in voice.stretches(opened(clip).sound()))
    assert kept > 10
