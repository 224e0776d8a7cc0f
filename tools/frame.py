"""One picture of a video: upright, converted to numpy only when somebody asks for its pixels."""

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

Pixels = NDArray[np.uint8]


class Frame:
    """One decoded picture and the second at which it is presented.

    `width` and `height` are those of the upright original. The arrays are shared between all who look at the frame and
    are read-only; a frame is to be dropped when the next one comes, as it holds a picture buffer of the decoder.
    """

    __slots__ = ("_converter", "_decoded", "_seen", "_turns", "height", "time", "width")

    def __init__(self, decoded: "VideoFrame", time: float, converter: "VideoReformatter") -> None:
        self.time = time
        self._decoded = decoded
        self._converter = converter
        self._turns = round(decoded.rotation / 90) % 4
        sides = decoded.width, decoded.height
        self.width, self.height = sides[::-1] if self._turns % 2 else sides
        self._seen: dict[tuple[str, int], Pixels] = {}

    def rgb(self, max_side: int | None = None) -> Pixels:
        """(height, width, 3) uint8, its longer side at most `max_side` (averaged over areas, never enlarged)."""
        side = self._side(max_side)
        if ("rgb", side) not in self._seen:
            self._keep("rgb", side, self._upright(self._rgb(side)))
        return self._seen["rgb", side]

    def luma(self, max_side: int | None = None) -> Pixels:
        """(height, width) uint8 brightness as coded (16..235 in most videos), its longer side at most `max_side`.

        Made smaller by leaving out rows and columns, which costs next to nothing: every k-th pixel for the smallest k
        that fits, so the result may be up to half as small as allowed.
        """
        side = self._side(max_side)
        if ("luma", side) not in self._seen:
            step = -(-max(self.width, self.height) // side)
            plane = self._plane()
            self._keep("luma", side, self._upright(plane if step == 1 else np.ascontiguousarray(plane[::step, ::step])))
        return self._seen["luma", side]

    def yuv(self, max_side: int | None = None) -> Pixels:
        """(height, width, 3) uint8 brightness and colour differences as coded, made smaller like `luma`, as cheaply."""
        side = self._side(max_side)
        if ("yuv", side) not in self._seen:
            step = -(-max(self.width, self.height) // side)
            decoded = self._decoded
            if not _is_planar(decoded.format.name) or decoded.planes[0].line_size < decoded.width:
                decoded = self._converter.reformat(decoded, format="yuv420p", threads=1)
            down, across = np.arange(0, decoded.height, step), np.arange(0, decoded.width, step)
            small = []
            for plane in decoded.planes[:3]:
                rows = np.asarray(memoryview(plane))[: plane.line_size * plane.height].reshape(-1, plane.line_size)
                at = down * plane.height // decoded.height, across * plane.width // decoded.width
                small.append(rows[np.ix_(*at)])
            self._keep("yuv", side, self._upright(np.dstack(small)))
        return self._seen["yuv", side]

    def _side(self, max_side: int | None) -> int:
        longest = max(self.width, self.height)
        if max_side is not None and max_side < 1:
            raise ValueError(f"max_side must be at least 1, not {max_side}")
        return longest if max_side is None else min(max_side, longest)

    def _keep(self, what: str, side: int, pixels: Pixels) -> None:
        pixels.flags.writeable = False
        self._seen[what, side] = pixels

    def _upright(self, pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(np.rot90(pixels, self._turns)) if self._turns else pixels

    def _rgb(self, side: int) -> Pixels:
        """Converted and made smaller in one go, which costs a third of doing one after the other."""
        scale = side / max(self.width, self.height)
        width, height = (max(1, round(n * scale)) for n in (self._decoded.width, self._decoded.height))
        small = self._converter.reformat(
            self._decoded, width=width, height=height, format="rgb24", interpolation="AREA", threads=1
        )
        return cast(Pixels, small.to_ndarray())

    def _plane(self) -> Pixels:
        """The brightness plane of the decoder itself where it has one of 8 bits, else a converted one."""
        decoded = self._decoded
        if not _has_luma(decoded.format.name) or decoded.planes[0].line_size < decoded.width:
            decoded = self._converter.reformat(decoded, format="yuv420p", threads=1)
        plane = decoded.planes[0]
        rows = np.asarray(memoryview(plane))[: plane.line_size * decoded.height].reshape(-1, plane.line_size)
        return rows[:, : decoded.width]


def _is_planar(pixel_format: str) -> bool:
    """Whether the first three planes of a format hold brightness and colour differences, one byte per value."""
    return pixel_format.startswith(("yuv4", "yuvj4", "yuva4")) and not pixel_format.endswith(("le", "be"))


def _has_luma(pixel_format: str) -> bool:
    """Whether the first plane of a format holds brightness, one byte per pixel."""
    return pixel_format.startswith(("yuv4", "yuvj4", "yuva4", "nv1", "nv2", "gray")) and not pixel_format.endswith(
        ("le", "be")
    )
