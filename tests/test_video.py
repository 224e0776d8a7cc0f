import os
import socket
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clips import (
    SHARED,
    SIZE,
    Pictures,
    Sound,
    Text,
    covered,
    cut,
    every,
    heard,
    image,
    opened,
    read,
    shown,
    stamped,
    truth,
    write,
)

from reelcue.tools.base import Span
from reelcue.tools.errors import VideoError
from reelcue.tools.frame import Pixels
from reelcue.tools.video import Frame, Video

SHIFTING = {"bf": "3", "b_strategy": "0"}  # pictures are stored in another order than they are shown
UNEVEN = [0.0, 0.1, 0.25, 2.0, 2.04, 7.5, 7.6]


class TestTimes:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts", "a.flv", "a.nut"])
    def test_are_those_in_the_pixels(self, tmp_path: Path, name: str) -> None:
        video = opened(write(tmp_path / name, Pictures(every(10, 3), options=SHIFTING)))
        assert truth(video.frames()) == shown(every(10, 3))
        assert video.duration == pytest.approx(3.0)
        assert video.problems == []

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_follow_a_variable_rate(self, tmp_path: Path, name: str) -> None:
        video = opened(write(tmp_path / name, Pictures(UNEVEN)))
        assert truth(video.frames()) == shown(UNEVEN)

    def test_count_from_the_first_moment(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 2, start=8.3))))
        assert truth(video.frames()) == [(round(t - 8.3, 3), t) for t in every(10, 2, start=8.3)]
        assert video.duration == pytest.approx(2.0)

    def test_pictures_that_start_after_the_sound(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", Pictures(every(10, 1, start=0.8)), Sound([(0, 2)], codec="pcm_s16le"))
        assert truth(opened(path).frames()) == shown(every(10, 1, start=0.8))
        assert read(opened(path).image(0.2).luma()) == 0.8

    @pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
    def test_of_an_avi_whose_timestamps_go_backwards(self, tmp_path: Path, codec: str) -> None:
        path = write(tmp_path / "a.avi", Pictures(every(10, 4), codec=codec, options={"bf": "2"} | SHIFTING))
        with av.open(str(path)) as container:
            raw = [f.pts or 0 for f in container.decode(video=0)]
        assert codec == "mpeg4" or raw != sorted(raw)
        video = opened(path)
        assert truth(video.frames()) == shown(every(10, 4))
        assert truth([video.image(3.55)]) == shown([3.5])
        assert video.duration == pytest.approx(4.0)

    def test_of_a_file_without_any(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.h264", Pictures(every(10, 4), options=SHIFTING)))
        assert truth(video.frames()) == shown(every(10, 4))
        assert video.duration == pytest.approx(4.0)
        assert "without a usable time" in video.problems[0]

    def test_of_recordings_joined_into_one_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.ts", Pictures(every(10, 4)))
        path.write_bytes(path.read_bytes() * 2)
        video = opened(path)
        assert [t for t, _ in truth(video.frames())] == every(10, 8)
        assert video.duration == pytest.approx(8.0)

    def test_no_duration_in_the_header(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", Pictures(every(10, 3)), live="1")
        with av.open(str(path)) as container:
            assert container.duration is None
        assert opened(path).duration == pytest.approx(3.0)


class TestPicking:
    def test_first_picture_at_or_after_each_tick(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 3))))
        assert truth(video.frames(rate=4)) == shown([0, 0.3, 0.5, 0.8, 1, 1.3, 1.5, 1.8, 2, 2.3, 2.5, 2.8])

    def test_a_rate_above_that_of_the_video_gives_all(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(UNEVEN)))
        assert truth(video.frames(rate=50)) == shown(UNEVEN)
        assert truth(video.frames(rate=1)) == shown([0, 2, 7.5])

    @pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.ts"])
    def test_a_span_begins_with_what_is_on_the_screen(self, tmp_path: Path, name: str) -> None:
        video = opened(write(tmp_path / name, Pictures(every(10, 12), options=SHIFTING)))
        for first in (0.3, 4.3, 7.9):
            start = first + 0.05
            assert truth(video.frames(Span(start, start + 0.4))) == shown([first + n / 10 for n in range(5)])
            assert truth(video.frames(Span(start, start + 1.5), rate=2)) == shown([first, first + 0.6, first + 1.1])

    def test_a_span_within_one_long_picture(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(UNEVEN)))
        assert truth(video.frames(Span(4.0, 5.0))) == shown([2.04])
        assert truth(video.frames(Span(7.65, 9.0))) == shown([7.6])

    def test_image(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(UNEVEN), Sound([(0, 9)])))
        assert truth([video.image(t) for t in (0, 0.24, 0.25, 1.9, 7.55, 8.9)]) == shown([0, 0.1, 0.25, 0.25, 7.5, 7.6])
        with pytest.raises(VideoError, match=r"a\.mp4: has no moment 30\.00 s"):
            video.image(30)

    @pytest.mark.parametrize("rate", [0, -1, float("nan")])
    def test_a_rate_must_be_above_zero(self, tmp_path: Path, rate: float) -> None:
        with pytest.raises(ValueError, match="rate"):
            opened(write(tmp_path / "a.mp4", Pictures([0.0]))).frames(rate=rate)


class TestPixels:
    @pytest.mark.parametrize("rotation", [0, 90, 180, -90])
    def test_are_upright(self, tmp_path: Path, rotation: int) -> None:
        frame = opened(write(tmp_path / "a.mp4", Pictures([0.0, 0.777], rotation=rotation))).image(0.777)
        assert (frame.width, frame.height) == SIZE
        assert read(frame.luma()) == read(frame.rgb().mean(axis=2)) == 0.777

    @pytest.mark.parametrize(
        ("codec", "pixels", "name"),
        [
            ("libx264", "yuv420p10le", "a.mp4"),
            ("libx264", "yuv422p", "a.mp4"),
            ("mjpeg", "yuvj420p", "a.mov"),
            ("libx264rgb", "rgb24", "a.mp4"),
            ("ffv1", "gray", "a.mkv"),
            ("gif", "rgb8", "a.gif"),
        ],
    )
    def test_of_any_format(self, tmp_path: Path, codec: str, pixels: str, name: str) -> None:
        path = write(tmp_path / name, Pictures([0.0, 0.7], codec=codec, pixels=pixels))
        frame = opened(path).image(0.7)
        assert read(frame.luma()) == read(frame.rgb()[..., 1]) == 0.7

    def test_sizes(self, tmp_path: Path) -> None:
        frame = opened(write(tmp_path / "a.mp4", Pictures([0.0, 1.234], rotation=90))).image(1.234)
        assert frame.rgb(160).shape == (96, 160, 3)
        assert frame.luma(160).shape == (96, 160)
        assert frame.luma(107).shape == (64, 107)
        assert frame.rgb(5000).shape == (192, 320, 3)
        assert read(frame.rgb(200)[..., 0]) == read(frame.luma(200)) == 1.234
        assert frame.rgb(1).shape == (1, 1, 3)

    def test_are_shared_and_read_only(self, tmp_path: Path) -> None:
        frame = opened(write(tmp_path / "a.mp4", Pictures([0.0]))).image(0)
        assert frame.rgb(160) is frame.rgb(160)
        with pytest.raises(ValueError, match="read-only"):
            frame.luma()[0, 0] = 1

    def test_colours(self, tmp_path: Path) -> None:
        def red(_: float) -> Pixels:
            return np.tile(np.array([[[200, 30, 40]]], np.uint8), (192, 320, 1))

        frame: Frame = opened(write(tmp_path / "a.mp4", Pictures([0.0], red))).image(0)
        assert np.abs(frame.rgb()[50, 50].astype(int) - [200, 30, 40]).max() < 6


class TestTracks:
    def test_the_best_of_two_pictures(self, tmp_path: Path) -> None:
        def small(t: float) -> Pixels:
            return stamped(t + 100, (160, 96))

        path = write(tmp_path / "a.mkv", Pictures(every(10, 2), small), Pictures(every(10, 2), default=True))
        video = opened(path)
        assert video.picture == video.streams[1]
        assert truth(video.frames()) == shown(every(10, 2))

    def test_sound_that_is_longer_than_the_pictures(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 2)), Sound([(0, 5)])))
        assert video.duration == pytest.approx(5.0, abs=0.05)
        assert truth(video.frames()) == shown(every(10, 2))
        assert heard(video.sound())[0][-1] == pytest.approx(5.0, abs=0.05)
        assert truth([video.image(4.5)]) == shown([1.9])
        assert video.problems == []

    def test_subtitles_that_are_longer_than_both(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 2)), Text([(1, 9, "late")], "mov_text")))
        assert video.duration == pytest.approx(2.0)
        assert video.problems == []

    @pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.wav", "a.ogg"])
    def test_only_sound(self, tmp_path: Path, name: str) -> None:
        codec = {"a.m4a": "aac", "a.mp3": "libmp3lame", "a.wav": "pcm_s16le", "a.ogg": "libopus"}[name]
        video = opened(write(tmp_path / name, Sound([(0, 2)], codec=codec)))
        assert video.picture is None
        assert list(video.frames()) == []
        assert video.duration == pytest.approx(2.0, abs=0.06)
        with pytest.raises(VideoError, match="only sound"):
            video.image(1)

    def test_a_cover_is_no_video(self, tmp_path: Path) -> None:
        video = opened(covered(tmp_path / "a.mp3"))
        assert video.picture is None
        assert [s.kind for s in video.streams] == ["audio"]

    @pytest.mark.parametrize("kind", [".png", ".jpg"])
    def test_a_still_picture_named_as_a_video(self, tmp_path: Path, kind: str) -> None:
        video = opened(image(tmp_path / "a.mp4", stamped(0.5), kind))
        assert [read(f.luma()) for f in video.frames()] == [0.5]
        assert 0 < video.duration < 1

    def test_what_the_file_says(self, tmp_path: Path) -> None:
        text = Text([(0, 1, "x")], "mov_text", "deu")
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 1)), Sound([(0, 1)]), text))
        picture, sound, words = video.streams
        assert (picture.kind, picture.codec, picture.fps) == ("video", "h264", 10)
        assert (picture.width, picture.height) == SIZE
        assert (sound.kind, sound.codec, sound.width, sound.fps) == ("audio", "aac", 0, 0)
        assert (words.kind, words.codec, words.language) == ("subtitle", "mov_text", "deu")


class TestDamage:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_a_file_cut_off(self, tmp_path: Path, name: str) -> None:
        options = {"movflags": "faststart"} if name == "a.mp4" else {}
        video = opened(cut(write(tmp_path / name, Pictures(every(10, 8)), **options), 0.5))
        assert 3 < video.duration < 5
        assert video.problems == [f"cut off: the pictures should last 8.0 s but end at {video.duration:.1f} s"]
        found = truth(video.frames())
        assert found == shown(every(10, 8)[: len(found)])
        assert video.duration - 0.5 < found[-1][0] < video.duration

    def test_damaged_packets_are_skipped_and_counted_once(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", Pictures(every(10, 4), codec="mjpeg", pixels="yuvj420p", spoil=[15, 16]))
        video = opened(path)
        for _ in range(2):
            assert truth(video.frames()) == shown([t for t in every(10, 4) if t not in (1.5, 1.6)])
        assert video.problems == ["damaged packets of pictures, skipped: 2"]

    def test_says_so_where_no_picture_can_be_decoded(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures(every(10, 2), spoil=[0])))
        assert list(video.frames()) == []
        assert video.problems == ["none of its pictures can be decoded; re-encode it"]

    def test_damaged_sound(self, tmp_path: Path) -> None:
        sound = Sound([(0, 4)], codec="aac", spoil=range(50, 70))
        video = opened(write(tmp_path / "a.mkv", Pictures([0.0, 3.9]), sound))
        times, _ = heard(video.sound())
        assert np.diff(times).max() == pytest.approx(20 * 1024 / 48000, abs=0.05)
        assert video.problems == ["damaged packets of sound, skipped: 20"]

    def test_pictures_that_are_too_big(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match=r"a\.mp4: its pictures are too big \(8200 x 16\)"):
            opened(image(tmp_path / "a.mp4", np.zeros((16, 8200, 3), np.uint8)))
        with pytest.raises(VideoError, match=r"b\.mp4: .*at most 36 megapixels"):
            opened(image(tmp_path / "b.mp4", np.zeros((6100, 6100), np.uint8)))

    @pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"only text\n" * 500, b"\0\0\0\x18ftypmp42" + b"\1" * 99])
    def test_no_video_at_all(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.mp4"
        path.write_bytes(content)
        with pytest.raises(VideoError, match=r"a\.mp4: .*;"):
            opened(path)

    def test_subtitles_alone(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="neither pictures nor sound"):
            opened(write(tmp_path / "a.mkv", Text([(0, 1, "x")])))

    def test_a_file_that_vanishes_after_it_was_opened(self, tmp_path: Path) -> None:
        video = opened(write(tmp_path / "a.mp4", Pictures([0.0])))
        video.path.unlink()
        with pytest.raises(VideoError, match=r"a\.mp4: there is no such file"):
            list(video.frames())


class TestNames:
    @pytest.mark.parametrize(
        "name", ["-i.mp4", "a%03d.mp4", "concat:a.mp4", "file:b.mp4", "ü 中.mp4", "a\udcff.mp4", "x.m3u8"]
    )
    def test_are_never_options_protocols_or_patterns(self, own_folder: Path, name: str) -> None:
        write(own_folder / "plain.mp4", Pictures(every(10, 1))).rename(name)
        video = Video(Path(name), own_folder / "media")
        assert truth(video.frames()) == shown(every(10, 1))
        video.name.encode()

    @pytest.mark.parametrize(
        "name", ["missing.mp4", "http://127.0.0.1/a.mp4", "a\0b.mp4", "-", "data:,x", "bad\x1b[31m\udcff"]
    )
    def test_without_a_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(VideoError, match="there is no such file") as caught:
            opened(tmp_path / name)
        assert str(caught.value).isprintable()

    def test_folders_and_pipes(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        for name in (".", "pipe.mp4"):
            with pytest.raises(VideoError, match="is no regular file"):
                opened(tmp_path / name)

    @pytest.mark.parametrize(
        "text",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.ts\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile a.ts\n",
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
        ],
    )
    @pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
    def test_playlists_open_no_other_file(self, tmp_path: Path, text: str, name: str) -> None:
        write(tmp_path / "a.ts", Pictures(every(10, 1)))
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoError, match="cannot be read as a video"):
            opened(tmp_path / name)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pictures = Pictures(every(10, 3), codec="mpeg4", spoil=[5])
    video = opened(write(tmp_path / "a.mp4", pictures, Sound([(0, 3)], spoil=[5])))
    assert len([*video.frames()]) > 20 and len([*video.sound()]) > 20 and video.problems
    assert capfd.readouterr() == ("", "")


def test_the_network_is_out_of_reach() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


@pytest.mark.skipif(not SHARED.exists(), reason="the public material is not here")
@pytest.mark.parametrize("path", sorted([*SHARED.glob("odd/*"), *SHARED.glob("video/*")]), ids=lambda p: p.name)
def test_public_files_open_or_say_why(path: Path, tmp_path: Path) -> None:
    try:
        video = Video(path, tmp_path)
    except VideoError as error:
        assert path.name in str(error)
        return
    times = [f.time for f in video.frames()]
    assert all(a < b for a, b in pairwise(times))
    assert all(-1e-9 <= t <= video.duration + 0.05 for t in times)
    assert (video.picture is None) == (not times)
    sound = [(t, t + len(s) / 16000) for t, s in video.sound()]
    assert all(a[1] <= b[0] + 0.001 for a, b in pairwise(sound))
    for t in (0.0, video.duration / 2) if times else ():
        frame = video.image(t)
        assert frame.rgb(64).shape[2] == 3
        assert max(frame.luma(64).shape) <= 64


@pytest.mark.skipif(not SHARED.exists(), reason="the public material is not here")
def test_public_traps(tmp_path: Path) -> None:
    nasa = Video(SHARED / "video" / "nasa_13013.mp4", tmp_path)
    assert nasa.duration == pytest.approx(13.056, abs=0.01)
    assert nasa.picture is not None
    assert (nasa.picture.index, nasa.problems) == (3, [])
    first = next(Video(SHARED / "video" / "short_hamilton_clip.mp4", tmp_path).frames())
    assert first.time == pytest.approx(0.85, abs=0.01)
    stove = Video(SHARED / "odd" / "fire2.mp4", tmp_path).image(1)
    assert (stove.width, stove.height) == (1280, 720)
    assert next(Video(SHARED / "odd" / "video_90.mov", tmp_path).frames()).height == 568
