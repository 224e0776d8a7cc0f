"""Video: pictures, sound and subtitle tracks of a file by presentation time, without trusting the file.

Time 0 is the first presented moment of the file. Each pass opens the file anew, so passes may run side by side, and
keeps no more than a few packets and one frame, however long the file is.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from . import cores
from .base import Span
from .errors import VideoError
from .frame import Frame
from .streams import BITMAPS, JUMP, Cue, Extent, Stream, claim, describe, ended, event_text, kept, step
from .text import clean, line

__all__ = ["Cue", "Frame", "Stream", "Video"]

MAX_SIDE = 8192
MAX_PIXELS = 36_000_000
# Demuxers of recordings and single pictures. Playlists and scripts (hls, concat, dash, image sequences) are left out on
# purpose, as they make FFmpeg open other files or the network; so are those that take any text for a picture (tty).
FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,apng,mxf,nut,ivf,dv,wtv,rm,h264,hevc,m4v,obu,av1,"
    "amr,aac,ac3,eac3,aiff,ape,au,caf,flac,mp3,wav,w64,wv,tta,"
    "png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,avif"
)
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
# Formats whose packets carry true times after a seek; the others estimate them, so they are read from the beginning.
SEEKABLE = ("mov,", "matroska", "mpegts", "asf", "flv", "ogg", "wav", "flac", "nut", "mxf")
LAYOUTS = {1: "mono", 2: "stereo"}
LATE = 3.0  # seconds: a span that starts before this is read from the beginning
NEAR = 0.001  # seconds: times closer than this are the same, as they are stored in milliseconds
GAP = 0.1  # seconds that sound may drift from its timestamps
LEADS = (0.5, 10.0)  # seconds before a moment to look for a key frame, one after the other

Item = TypeVar("Item")
Timed = Iterator[tuple[float, Item]]


class Video:
    """A file with pictures, sound or both. It is measured on construction, packet by packet, without decoding.

    `folder` is where the files made from this video go. `picture` is the chosen video track, None where there is only
    sound; `duration` is in seconds, `shown` the second at which its pictures end. `problems` says in sentences for
    people what is wrong with the file as far as it has been read. Raises VideoError, naming the file and the remedy.
    """

    listener: Callable[[float], None] | None = None  # told the second of each piece of sound that is taken

    def __init__(self, path: Path, folder: Path, id: str = "") -> None:
        self.path = Path(path)
        self.folder = Path(folder)
        self.id = id
        self.name = clean(self.path.name)
        self._file = clean(str(path))
        self.problems: list[str] = []
        self._counts: Counter[str] = Counter()
        with _opened(self.path) as container:
            self.tags: Mapping[str, str] = {line(k): line(v) for k, v in container.metadata.items()}
            self.streams = tuple(describe(s) for s in container.streams if kept(s))
            self._avi = container.format.name == "avi"
            self._seeks = container.format.name.startswith(SEEKABLE)
            self._start = (container.start_time or 0) / av.time_base
            extents = self._measure(container)
            ends = {i: extent.end - self._start for i, extent in extents.items() if extent.packets}
            video, audio = _best(container, "video", ends), _best(container, "audio", ends)
            self.picture = next((s for s in self.streams if s.index == video), None)
            self._audio = audio
            if video is None and audio is None:
                raise VideoError(
                    f"{self._file}: holds neither pictures nor sound that can be decoded; if it plays elsewhere, "
                    f"re-encode it with pictures of at most {MAX_PIXELS // 10**6} megapixels"
                )
            if video is None and any(s.kind == "video" and s.index in ends for s in self.streams):
                self.note("only its sound is used: its pictures cannot be decoded")
            if self.picture:
                self._refuse_huge(self.picture.width, self.picture.height)
            self._sparse = extents[video].sparse if video is not None else ()
            self.shown = ends[video] if video is not None else 0.0
            self.duration = max(NEAR, *ends.values())
            self._compare(container, ends)

    def frames(self, span: Span | None = None, rate: float | None = None, keys: bool = False) -> Iterator[Frame]:
        """Pictures by time in one sequential pass: all, or the first one at or after each tick of `rate` per second.

        With a span, the first is the one on the screen when it starts; the others lie within it. Only a span that
        starts late is reached by a seek. `keys`: only key pictures are decoded, which costs a twentieth; where they are
        more than SPARSE seconds apart, those in between too. Nothing comes from a file without pictures.
        """
        if rate is not None and not rate > 0:
            raise ValueError(f"the rate must be above 0 frames per second, not {rate}")
        return self._frames(span.start if span else 0.0, span.end if span else math.inf, rate, keys)

    def image(self, t: float) -> Frame:
        """The picture on the screen at `t` seconds: the latest one not after it, or the first one before any.

        Raises VideoError when the file has no picture or no such moment.
        """
        if self.picture is None:
            raise VideoError(f"{self._file}: holds only sound; choose a video with pictures")
        if not -NEAR <= t <= self.duration + NEAR:
            raise VideoError(f"{self._file}: has no moment {t:.2f} s; it lasts {self.duration:.2f} s")
        frame = next(self._frames(t, math.inf), None)
        if frame is None:
            raise VideoError(f"{self._file}: no picture can be decoded; re-encode the file")
        return frame

    def sound(self, span: Span | None = None, rate: int = 16000, channels: int = 1) -> Timed[NDArray[np.float32]]:
        """Sound in pieces: (second of the first sample, (n, channels) float32 in -1..1), `rate` samples a second.
        What is louder is limited, and what is no number is silence.

        Pieces follow each other closely unless the file has a gap. Channels: 1 or 2. Nothing comes from a file without
        sound.
        """
        if channels not in LAYOUTS or rate < 1:
            raise ValueError(f"sound comes with 1 or 2 channels and a rate above 0, not {channels} at {rate}")
        start, end = (span.start, span.end) if span else (0.0, math.inf)
        return self._heard(_cut(self._reach(start, lambda seek: self._sound(seek, rate, channels)), start, end, rate))

    def subtitles(self, stream: Stream) -> Iterator[Cue]:
        """Cues of a text track in order. Raises VideoError for a track of pictures (PGS, DVB, VobSub)."""
        if stream.codec in BITMAPS:
            raise VideoError(
                f"{self._file}: subtitle track {stream.index} holds pictures ({BITMAPS[stream.codec]}), which are not "
                "supported; put its text beside the video as .srt or .vtt"
            )
        if stream.kind != "subtitle" or stream.codec == "unknown":
            raise VideoError(
                f"{self._file}: track {stream.index} ({stream.kind}, {stream.codec}) cannot be read as subtitles; put "
                "its text beside the video as .srt or .vtt"
            )
        return ended(self._cues(stream))

    def _measure(self, container: InputContainer) -> dict[int, Extent]:
        """Where each track of pictures or sound ends, by its packets."""
        tracks = {s.index: s for s in container.streams if kept(s) and s.type in ("video", "audio")}
        extents = {i: Extent(float(s.time_base or 0), step(s)) for i, s in tracks.items()}
        for packet in self._packets(container, *tracks.values()):
            if packet.size:
                presented = packet.dts if self._avi else packet.pts
                extents[packet.stream_index].add(presented, packet.dts, packet.duration, packet.is_keyframe)
        self._seeks = self._seeks and not any(extent.jumped for extent in extents.values())
        return extents

    def _compare(self, container: InputContainer, ends: Mapping[int, float]) -> None:
        """Notes tracks that end before the file says so. Only theirs count: a subtitle track may well be longer."""
        claims = {i: claim(container.streams[i], self._start) for i in ends}
        if not any(claims.values()) and not container.streams.subtitles:
            claims = {max(ends, key=lambda i: ends[i]): (container.duration or 0) / av.time_base}
        for index, said in claims.items():
            if said - ends[index] > max(1.0, 0.02 * said):
                what = "pictures" if container.streams[index].type == "video" else "sound"
                self.note(f"cut off: the {what} should last {said:.1f} s but end at {ends[index]:.1f} s")

    def _refuse_huge(self, width: int, height: int) -> None:
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise VideoError(
                f"{self._file}: its pictures are too big ({width} x {height}); at most {MAX_SIDE} pixels on a side and "
                f"{MAX_PIXELS // 10**6} megapixels are read: make it smaller"
            )

    def _packets(self, container: InputContainer, *tracks: Any) -> "Iterator[Packet[Any]]":
        """Packets of the tracks and, at the end, an empty one for each; unreadable stretches are passed over."""
        failures = 0
        while tracks and failures < 20:
            try:
                for packet in container.demux(tracks):
                    failures = 0
                    yield packet
                return
            except FFmpegError:
                failures += 1
        if failures:
            self.note("damaged: it cannot be read to its end")

    def _reach(self, start: float, decode: Callable[[float | None], Timed[Item]]) -> Timed[Item]:
        """What `decode` yields from a seek position early enough that nothing before `start` is missed."""
        for lead in (*LEADS, None) if start > LATE and self._seeks else (None,):
            found = decode(None if lead is None else start - lead)
            first = next(found, None)
            if first is not None and (lead is None or first[0] <= start):
                return chain((first,), found)
        return iter(())

    def _frames(self, start: float, end: float, rate: float | None = None, keys: bool = False) -> Iterator[Frame]:
        converter = VideoReformatter()
        held: tuple[float, av.VideoFrame] | None = None
        due = start
        apart = 1 / rate if rate else 0.0
        for time, decoded in self._pictures(None, apart) if keys else self._reach(start, self._pictures):
            if time <= start + NEAR:
                held = time, decoded
                continue
            if held:
                yield Frame(held[1], held[0], converter)
                held, due = None, due + (1 / rate if rate else 0)
            if time >= end:
                return
            if time + NEAR >= due:
                yield Frame(decoded, time, converter)
                if rate:
                    due = start + (math.floor((time + NEAR - start) * rate) + 1) / rate
        if held:
            yield Frame(held[1], held[0], converter)

    def _pictures(self, seek: float | None, apart: float | None = None) -> Timed[av.VideoFrame]:
        """Decoded pictures with strictly increasing times; with `apart`, only those that `_keys` lets through."""
        if self.picture is None:
            return
        with _opened(self.path, seek, self._start) as container:
            track: Any = container.streams[self.picture.index]
            track.thread_type, track.codec_context.thread_count = "AUTO", cores.threads()
            track.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            usual, unit = step(track), float(track.time_base or 0)
            previous, troubles = -math.inf, Counter[str]()
            # AVI keeps no presentation times: its pictures take the times of their packets, in the order of showing.
            stamps: deque[int | None] = deque()
            packets = self._packets(container, track)
            for packet in packets if apart is None else self._keys(packets, unit, apart):
                if self._avi and packet.size:
                    stamps.append(packet.dts)
                for decoded in self._decode(packet, "damaged packets of pictures, skipped", troubles):
                    stamp = (stamps.popleft() if stamps else None) if self._avi else decoded.pts
                    time = -math.inf if stamp is None else stamp * unit - self._start
                    if time <= previous or stamp is None:
                        lasts = (decoded.duration or 0) * unit or usual
                        time = max(previous, -lasts) + lasts
                        self._count("pictures without a usable time, placed by the frame rate", troubles)
                    previous = time = 0.0 if -NEAR < time < 0 else time
                    yield time, decoded
            if previous == -math.inf and seek is None:
                self.note("none of its pictures can be decoded; re-encode it")

    def _keys(self, packets: "Iterator[Packet[Any]]", unit: float, apart: float) -> "Iterator[Packet[Any]]":
        """Of all packets of a track the key packets, at least `apart` seconds from each other, and the sparse ones."""
        sparse = deque(self._sparse)
        latest, number = -math.inf, -1
        for packet in packets:
            number += bool(packet.size)
            while sparse and number >= sparse[0].stop:
                sparse.popleft()
            stamp = packet.pts if packet.dts is None else packet.dts
            clock = latest + apart if stamp is None else stamp * unit
            dense = (packet.is_keyframe or not number) and not latest <= clock < latest + apart
            if not packet.size or dense or (sparse and number in sparse[0]):
                latest = clock if packet.is_keyframe else latest
                yield packet

    def _sound(self, seek: float | None, rate: int, channels: int) -> Timed[NDArray[np.float32]]:
        """Decoded sound, each piece at its time: at most GAP off its timestamps, and never before the one before it."""
        if self._audio is None:
            return
        with _opened(self.path, seek, self._start) as container:
            track = container.streams[self._audio]
            unit, heard, troubles = float(track.time_base or 0), -math.inf, Counter[str]()
            made: _Resampled | None = None
            for packet in self._packets(container, track):
                for decoded in self._decode(packet, "damaged packets of sound, skipped", troubles):
                    time = heard if decoded.pts is None else decoded.pts * unit - self._start
                    if heard - JUMP < time < heard - GAP:
                        continue  # what the timestamps say was heard already
                    if made is None or time > heard + GAP or not made.takes(decoded):
                        if made:
                            yield from made.pieces(None)
                        heard = max(time, heard, 0.0 if decoded.pts is None else -JUMP)
                        made = _Resampled(decoded, heard, rate, channels)
                    heard += decoded.samples / decoded.sample_rate
                    yield from made.pieces(decoded)
            if made:
                yield from made.pieces(None)

    def _heard(self, pieces: Timed[NDArray[np.float32]]) -> Timed[NDArray[np.float32]]:
        for piece in pieces:
            if self.listener:
                self.listener(piece[0])
            yield piece[0], np.clip(np.nan_to_num(piece[1], posinf=0, neginf=0), -1, 1)

    def _cues(self, stream: Stream) -> Iterator[Cue]:
        """Cues as they come; one without an end has its start for it."""
        with _opened(self.path) as container:
            track, troubles = container.streams[stream.index], Counter[str]()
            unit = float(track.time_base or 0)
            for packet in self._packets(container, track):
                if packet.pts is None or not packet.size:
                    continue
                start = max(0.0, packet.pts * unit - self._start)
                end = start + (packet.duration or 0) * unit
                texts = map(event_text, self._decode(packet, "damaged subtitles, skipped", troubles))
                yield from (Cue(start, end, text, stream) for text in texts if text.strip())

    def _decode(self, packet: "Packet[Any]", trouble: str, troubles: Counter[str]) -> list[Any]:
        """What a packet holds; nothing, and counted, when it is damaged."""
        try:
            return packet.decode()
        except FFmpegError:
            if packet.size:
                self._count(trouble, troubles)
            return []

    def _count(self, trouble: str, troubles: Counter[str]) -> None:
        """Counts a trouble of this pass; the file has as many as the pass that met most of them."""
        troubles[trouble] += 1
        known, self._counts[trouble] = self._counts[trouble], max(troubles[trouble], self._counts[trouble])
        self.note(f"{trouble}: {self._counts[trouble]}", instead=f"{trouble}: {known}")

    def note(self, problem: str, instead: str = "") -> None:
        """Adds a sentence to `problems` once, in place of another if that is there."""
        if instead in self.problems:
            self.problems[self.problems.index(instead)] = problem
        elif problem not in self.problems:
            self.problems.append(problem)


class _Resampled:
    """Sound of one kind, converted without a break from the second `start` on."""

    def __init__(self, first: av.AudioFrame, start: float, rate: int, channels: int) -> None:
        self._kind = first.format.name, first.layout.name, first.sample_rate
        # Without this limit the sum of channels is louder than 1.
        options = {"rematrix_maxval": "1.0"}
        self._converter = av.AudioResampler(format="flt", layout=LAYOUTS[channels], rate=rate, options=options)
        self._start, self._rate, self._channels, self._made = start, rate, channels, 0

    def takes(self, decoded: av.AudioFrame) -> bool:
        return self._kind == (decoded.format.name, decoded.layout.name, decoded.sample_rate)

    def pieces(self, decoded: av.AudioFrame | None) -> Timed[NDArray[np.float32]]:
        """What comes out for a piece that goes in; None: the rest."""
        for piece in self._converter.resample(decoded):
            samples = piece.to_ndarray().reshape(-1, self._channels).astype(np.float32, copy=False)
            yield self._start + self._made / self._rate, samples
            self._made += len(samples)


@contextmanager
def _opened(path: Path, seek: float | None = None, start: float = 0.0) -> Iterator[InputContainer]:
    """The open file, at a key frame before the second `seek` if given; errors of FFmpeg inside become VideoError.

    Only regular files are opened, by absolute path, so that no name is taken for a protocol or an option.
    """
    name = clean(str(path))
    try:
        if not path.exists():
            raise VideoError(f"{name}: there is no such file; check the name (only local files are read)")
        if not path.is_file():
            raise VideoError(f"{name}: is no regular file; name a video file")
        if not path.stat().st_size:
            raise VideoError(f"{name}: is empty; copy it again")
        with av.open(str(path.absolute()), options=OPTIONS, metadata_errors="replace") as container:
            if seek is not None:
                with suppress(FFmpegError):  # then it is read from the beginning
                    container.seek(round((seek + start) * av.time_base))
            yield container
    except PermissionError:
        raise VideoError(f"{name}: may not be read; change its permissions") from None
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{name}: cannot be read as a video ({reason}); play it elsewhere, or re-encode it") from error


def _cut(pieces: Timed[NDArray[np.float32]], start: float, end: float, rate: int) -> Timed[NDArray[np.float32]]:
    """The samples of [start, end)."""
    for time, samples in pieces:
        first = max(0, math.ceil((start - time) * rate - NEAR))
        last = len(samples) if end == math.inf else min(len(samples), math.ceil((end - time) * rate - NEAR))
        if last <= 0:
            return
        if first < last:
            yield time + first / rate, samples[first:last]


def _best(container: InputContainer, kind: Any, ends: Mapping[int, float]) -> int | None:
    """Index of the track to use among those that have packets, a decoder and, for pictures, a size."""
    tracks: list[Any] = [s for s in container.streams if s.type == kind and s.index in ends and s.codec_context]
    usable = [s.index for s in tracks if kind == "audio" or s.codec_context.width]
    best = container.streams.best(kind) if len(usable) > 1 else None
    return best.index if best and best.index in usable else next(iter(usable), None)
