from pathlib import Path

import numpy as np
import pytest
from clips import Pictures, Sound, Text, every, heard, opened, sine, write
from numpy.typing import NDArray

from reelcue.tools.base import Span
from reelcue.tools.errors import VideoError


class TestSound:
    def test_times(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.mkv",
            Pictures(every(10, 9)),
            Sound([(0.5, 8.5)], lambda t: 0.5 * np.sin(2 * np.pi * 440 * t) * (t > 6), "pcm_s16le", channels=2),
        )
        times, samples = heard(opened(path).sound())
        assert times[0] == pytest.approx(0.5, abs=0.001)
        assert times[np.argmax(np.abs(samples) > 0.1)] == pytest.approx(6.0, abs=0.002)
        assert times[-1] == pytest.approx(8.5, abs=0.002)
        assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)

    def test_is_limited_and_what_is_no_number_is_silent(self, tmp_path: Path) -> None:
        def wave(t: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.select([t < 1, t < 2, t < 3, t < 4], [np.nan, 1e30, -np.inf, -7.0], 0.25)

        times, samples = heard(opened(write(tmp_path / "a.mkv", Sound([(0, 5)], wave, "pcm_f32le"))).sound())
        middles = [float(np.median(samples[(times > n) & (times < n + 1)])) for n in range(5)]
        assert middles == pytest.approx([0, 1, 0, -1, 0.25], abs=0.01)

    @pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mp3"])
    def test_a_span(self, tmp_path: Path, name: str) -> None:
        codec = "libmp3lame" if name == "a.mp3" else "aac"
        path = write(tmp_path / name, Sound([(0, 12)], lambda t: 0.5 * np.sin(2770 * t) * (t > 8), codec))
        times, samples = heard(opened(path).sound(Span(7.5, 8.75)))
        assert (times[0], times[-1]) == (pytest.approx(7.5, abs=1e-4), pytest.approx(8.75, abs=1e-4))
        assert len(times) == 20000
        assert times[np.argmax(np.abs(samples) > 0.2)] == pytest.approx(8.0, abs=0.08)

    def test_gaps_keep_the_true_times(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", Pictures(every(10, 6)), Sound([(0, 2), (4.5, 6)], codec="pcm_s16le"))
        times, _ = heard(opened(path).sound())
        jump = int(np.argmax(np.diff(times)))
        assert (times[jump], times[jump + 1]) == (pytest.approx(2.0, abs=0.01), pytest.approx(4.5, abs=0.01))
        assert times[-1] == pytest.approx(6.0, abs=0.01)

    def test_channels_and_rate(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.wav", Sound([(0, 1)], sine(loud=1.0), "pcm_s16le", channels=2)))
        pieces = [s for _, s in video.sound(rate=8000, channels=2)]
        assert {(s.dtype.name, s.shape[1]) for s in pieces} == {("float32", 2)}
        assert sum(map(len, pieces)) == 8000
        assert max(np.abs(s).max() for _, s in video.sound()) <= 1.01
        with pytest.raises(ValueError, match="channels"):
            video.sound(channels=3)

    def test_none(self, tmp_path: Path) -> None:
        assert list(opened(write(tmp_path / "a.mp4", Pictures([0.0]))).sound()) == []


class TestSubtitles:
    @pytest.mark.parametrize(
        ("name", "codec"), [("a.mp4", "mov_text"), ("a.mkv", "subrip"), ("a.mkv", "ass"), ("a.mkv", "webvtt")]
    )
    def test_text(self, tmp_path: Path, name: str, codec: str) -> None:
        cues = [(0.5, 1.0, "First, with a comma"), (1.5, 2.5, "two\\Nlines"), (3.0, 3.5, "第三句")]
        video = opened(write(tmp_path / name, Pictures(every(10, 4)), Text(cues, codec)))
        track = video.streams[1]
        assert [(c.start, c.end, c.text) for c in video.subtitles(track)] == cues
        assert {c.stream for c in video.subtitles(track)} == {track}

    def test_a_cue_without_an_end(self, tmp_path: Path) -> None:
        cues = [(0.5, 0.5, "one"), (1.5, 1.5, "two")]
        video = opened(write(tmp_path / "a.mkv", Pictures(every(10, 8)), Text(cues)))
        assert [(c.start, c.end) for c in video.subtitles(video.streams[1])] == [(0.5, 1.5), (1.5, 5.5)]

    def test_pictures_are_named_as_unsupported(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mkv", Pictures(every(10, 2)), Text([(0.5, 1, "")], "dvd_subtitle")))
        with pytest.raises(VideoError, match=r"a\.mkv: subtitle track 1 holds pictures \(VobSub\).*\.srt"):
            video.subtitles(video.streams[1])
        with pytest.raises(VideoError, match="cannot be read as subtitles"):
            video.subtitles(video.streams[0])
