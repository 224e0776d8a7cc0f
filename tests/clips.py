"""Writes small clips with known truth. Each picture says in its pixels when it is to be seen: `stamped` and `read`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

from reelcue.tools.video import Video

SHARED = Path(__file__).parents[2] / "shared" / "data"
SIZE = (320, 192)
BITS = 20  # of the milliseconds in a picture, each a block of white or black
ASS = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

Pixels = NDArray[np.uint8]
Paint = Callable[[float], Pixels]
Wave = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_NOISE = np.random.default_rng(0).integers(0, 256, (600, 900), np.uint8)
_CLOUDS = cv2.normalize(cv2.GaussianBlur(_NOISE, (0, 0), 6), _NOISE.copy(), 60, 190, cv2.NORM_MINMAX).astype(np.uint8)


def stamped(seconds: float, size: tuple[int, int] = SIZE) -> Pixels:
    """(height, width, 3): drifting clouds under two rows of blocks that hold `seconds` in milliseconds.

    Upside down or turned, `read` finds something else.
    """
    width, height = size
    shift = round(seconds * 50) % 200
    picture: Pixels = np.repeat(_CLOUDS[shift : shift + height, shift : shift + width, None], 3, axis=2)
    side = width // (BITS // 2)
    for bit in range(BITS):
        row, column = divmod(bit, BITS // 2)
        value = 235 if round(seconds * 1000) >> bit & 1 else 20
        picture[row * side : (row + 1) * side, column * side : (column + 1) * side] = value
    return picture


def read(luma: Pixels) -> float:
    """Seconds that a picture made by `stamped` holds, from its brightness at any size."""
    side = luma.shape[1] / (BITS // 2)
    value = 0
    for bit in range(BITS):
        row, column = divmod(bit, BITS // 2)
        value |= int(luma[int((row + 0.5) * side), int((column + 0.5) * side)] > 128) << bit
    return value / 1000


def slide(lines: Sequence[str], size: tuple[int, int] = (1280, 720)) -> Pixels:
    """(height, width, 3): black lines of text (ASCII) on white."""
    picture = np.full((size[1], size[0], 3), 255, np.uint8)
    for n, text in enumerate(lines):
        at, scale = (size[0] // 16, round(size[1] * (0.2 + 0.14 * n))), size[1] / 360
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 3, cv2.LINE_AA)
    return picture


def every(fps: float, seconds: float, start: float = 0.0) -> list[float]:
    """Times of pictures at a constant rate, in whole milliseconds."""
    return [round(start + n / fps, 3) for n in range(round(fps * seconds))]


@dataclass
class Pictures:
    """A video track: `paint(t)` shown at each of `times`; `rotation` is how far players turn it, anticlockwise."""

    times: Sequence[float]
    paint: Paint = stamped
    codec: str = "libx264"
    fps: int = 10
    pixels: str = "yuv420p"
    rotation: int = 0
    options: dict[str, str] = field(default_factory=dict)
    default: bool = False
    spoil: Sequence[int] = ()  # numbers of packets that are replaced by rubbish

    def packets(self, container: Any) -> list[Any]:
        first = self._stored(0.0)
        track = container.add_stream(self.codec, rate=self.fps, options={"g": "20", **self.options})
        track.height, track.width = first.shape[:2]
        track.pix_fmt = self.pixels
        track.codec_context.time_base = Fraction(1, self.fps) if self._even() else Fraction(1, 1000)
        if self.default:
            track.disposition = av.stream.Disposition.default
        if self.rotation:
            track.set_display_rotation(self.rotation)
        made: list[Any] = []
        for time in self.times:
            frame = av.VideoFrame.from_ndarray(self._stored(time), format="rgb24").reformat(format=self.pixels)
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(time * 1000)
            if self._even():
                frame.time_base, frame.pts = Fraction(1, self.fps), round(time * self.fps)
            made += track.encode(frame)
        made += track.encode()
        return [_rubbish(p) if n in self.spoil else p for n, p in enumerate(made)]

    def _even(self) -> bool:
        return all(abs(t * self.fps - round(t * self.fps)) < 1e-6 for t in self.times)

    def _stored(self, time: float) -> Pixels:
        return np.ascontiguousarray(np.rot90(self.paint(time), -self.rotation // 90))


def sine(hertz: float = 440.0, loud: float = 0.5) -> Wave:
    return lambda times: loud * np.sin(2 * np.pi * hertz * times)


TONE = sine()


@dataclass
class Sound:
    """A sound track: `wave` of the times of its samples, in pieces (start, end)."""

    pieces: Sequence[tuple[float, float]]
    wave: Wave = TONE
    codec: str = "aac"
    rate: int = 48000
    channels: int = 1
    spoil: Sequence[int] = ()

    def packets(self, container: Any) -> list[Any]:
        layout = {1: "mono", 2: "stereo", 8: "7.1"}[self.channels]
        track = container.add_stream(self.codec, rate=self.rate, layout=layout)
        made: list[Any] = []
        for start, end in self.pieces:
            for at in range(round(start * self.rate), round(end * self.rate), 1024):
                count = min(1024, round(end * self.rate) - at)
                samples = np.repeat(self.wave((at + np.arange(count)) / self.rate), self.channels)
                frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = self.rate, at, Fraction(1, self.rate)
                made += track.encode(frame)
        made += track.encode()
        return [_rubbish(p) if n in self.spoil else p for n, p in enumerate(made)]


@dataclass
class Text:
    """A subtitle track of (start, end, text) cues, the text with ASS tags and \\N.

    Codecs: mov_text, subrip, ass, webvtt; dvd_subtitle makes a track of pictures (which nobody can decode).
    """

    cues: Sequence[tuple[float, float, str]]
    codec: str = "subrip"
    language: str = "eng"

    def packets(self, container: Any) -> list[Any]:
        track = container.add_stream(self.codec)
        track.metadata["language"] = self.language
        track.codec_context.time_base = Fraction(1, 1000)
        track.codec_context.subtitle_header = ASS
        made = []
        for start, end, text in self.cues:
            packet = av.Packet(b"\x00\x04\x00\x04\x00\x00\x00\x00")
            if self.codec != "dvd_subtitle":
                event = f"0,0,Default,,0,0,0,,{text}".encode()
                packet = track.codec_context.encode_subtitle(SubtitleSet.create(event, 0, 1, 0))
            packet.stream, packet.time_base = track, Fraction(1, 1000)
            packet.pts = packet.dts = round(start * 1000)
            packet.duration = round((end - start) * 1000)
            made.append(packet)
        return made


def write(path: Path, *tracks: Pictures | Sound | Text, form: str | None = None, **options: str) -> Path:
    """A file of these tracks, its packets in order of time; `options` are the muxer's. Returns `path`."""
    with av.open(str(path), "w", format=form, options=options) as container:
        packets = [p for track in tracks for p in track.packets(container)]
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def cut(path: Path, share: float) -> Path:
    """The first `share` of the bytes of a file, in its place."""
    whole = path.read_bytes()
    path.write_bytes(whole[: round(len(whole) * share)])
    return path


def image(path: Path, pixels: Pixels, kind: str = ".png") -> Path:
    """A still picture under any name."""
    path.write_bytes(cv2.imencode(kind, pixels)[1].tobytes())
    return path


def covered(path: Path, seconds: float = 2.0) -> Path:
    """An MP3 of a tone with a cover picture, which FFmpeg takes for a video track."""
    with av.open(str(path), "w") as container:
        packets = Sound([(0, seconds)], codec="libmp3lame").packets(container)
        art: Any = container.add_stream("png", rate=1)
        art.width, art.height, art.pix_fmt = 64, 64, "rgb24"
        art.disposition = av.stream.Disposition.attached_pic
        packets += art.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24"))
        for packet in packets:
            container.mux(packet)
    return path


def _rubbish(packet: Any) -> Any:
    """A packet at the same time that no decoder can read."""
    bad = av.Packet(b"\xff" * 64)
    bad.stream, bad.time_base = packet.stream, packet.time_base
    bad.pts, bad.dts, bad.duration = packet.pts, packet.dts, packet.duration
    return bad


def opened(path: Path) -> Video:
    return Video(path, path.parent / "media")


def truth(frames: Any) -> list[tuple[float, float]]:
    """(time, time in the pixels) of each frame."""
    return [(round(f.time, 3), read(f.luma())) for f in frames]


def shown(times: list[float]) -> list[tuple[float, float]]:
    """What `truth` finds where each picture comes at its time."""
    return [(round(t, 3), round(t, 3)) for t in times]


def heard(pieces: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(times, samples) of mono sound at 16 kHz; pieces must not overlap."""
    found = [(t + np.arange(len(s)) / 16000, s[:, 0]) for t, s in pieces]
    times = np.concatenate([t for t, _ in found])
    assert (np.diff(times) > 0.5 / 16000).all()
    return times, np.concatenate([s for _, s in found])
