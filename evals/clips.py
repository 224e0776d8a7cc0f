"""Writes clips, and decodes them as plainly as PyAV can: what our own reading of them is measured against."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from . import sounds

Pixels = NDArray[np.uint8]


def write(
    path: Path, pictures: Iterable[Pixels], fps: int = 25, hold: int = 1, sound: sounds.Sound | None = None
) -> Path:
    """An H.264 file of (height, width, 3) pictures, red first and of one even size, each for `hold` frames.

    Encoded as recordings mostly are: B-frames, a key frame at each cut and at least every 250 frames. `sound` is mono
    in -1..1, sounds.RATE samples a second: an AAC track, as long as the pictures at most. Returns `path`.
    """
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "23", "g": "250"})
        track.pix_fmt = "yuv420p"
        voice = None if sound is None else _Sound(container, sound)
        shown = 0
        for pixels in pictures:
            if not shown:
                track.height, track.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.time_base = Fraction(1, fps)
            for _ in range(hold):
                frame.pts = shown
                shown += 1
                container.mux(track.encode(frame))
                if voice:
                    voice.write(shown / fps)
        container.mux(track.encode())
        if voice:
            voice.close()
    return path


class _Sound:
    """The sound of a file that is being written, kept in step with its pictures: players want both close together."""

    def __init__(self, container: Any, sound: sounds.Sound) -> None:
        self._container, self._track = container, container.add_stream("aac", rate=sounds.RATE, layout="mono")
        self._samples, self._written = np.clip(sound, -1, 1).astype(np.float32), 0

    def write(self, end: float) -> None:
        """All up to `end` in seconds."""
        samples = self._samples[self._written : round(end * sounds.RATE)]
        if len(samples):
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sounds.RATE, self._written
            self._written += len(samples)
            self._container.mux(self._track.encode(frame))

    def close(self) -> None:
        self._container.mux(self._track.encode())


def decode(path: Path) -> int:
    """Decodes the pictures of a file and looks at none. Returns their number."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def repeat(path: Path, clip: Path, times: int) -> Path:
    """A file with the tracks of `clip` so many times one after the other, copied as they are. Returns `path`."""
    with av.open(str(path), "w") as target:
        tracks: dict[int, Any] = {}
        shift = Fraction(0)
        for _ in range(times):
            with av.open(str(clip)) as source:
                tracks = tracks or {track.index: target.add_stream_from_template(track) for track in source.streams}
                end = shift
                for packet in source.demux():
                    if packet.pts is None or packet.dts is None or packet.pts < 0:
                        continue  # it ends a track, or primes its decoder
                    unit, at = packet.time_base, packet.stream.index
                    packet.pts, packet.dts = (round(t + shift / unit) for t in (packet.pts, packet.dts))
                    end = max(end, (packet.pts + (packet.duration or 0)) * unit)
                    packet.stream = tracks[at]
                    target.mux(packet)
            shift = end
    return path
