"""The lines of text in one picture, by rapidocr: PP-OCR models that come inside its wheel (Latin and Chinese).

Detection and recognition are called apart, so that what did not change since the last picture is not read again.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import ToolUnavailable
from .ink import inks, paper, together
from .text import fold, line

Pixels = NDArray[np.uint8]
Quad = NDArray[np.float32]  # (4, 2): corners x, y from the upper left one clockwise
Box = tuple[float, float, float, float]  # x, y, width, height

TEXT_HEIGHT = 48  # rows of a line as the recogniser sees it
LEAST_SIDE = 16  # pixels: in a smaller picture nothing can be read
LEAST_SCORE = 0.7  # below it real footage gives mostly noise
SURE = 0.93  # what up to three letters need, which are otherwise icons and foliage
SAME, SAME_CELL = 4, 12  # grey levels: mean over a box, and over each of its cells, below which it did not change
PATIENCE = 10.0  # seconds without a fine search
CORNER, CLOSE = 0.28, 960  # share of each side of the picture; pixels at which the four together are searched
TALL = 0.15  # of the picture's height: a box that may hold two lines of lettering
REMEDY = "pip install 'rapidocr>=3.10,<4' onnxruntime"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line as it was read: its box in pixels, the confidence 0..1, words by colour of ink, the paper's colour."""

    box: Box
    text: str
    score: float
    inks: Mapping[str, str]
    paper: str | None = None


class PageReader:
    """Reads pictures that follow each other: (height, width, 3) uint8, blue first.

    `coarse` and `fine` are the longer side in pixels at which text is looked for. The fine search finds small lettering
    and costs two to three times as much. It is made where there is other text, after each cut and every ten seconds;
    then the corners are looked at closely too, for the logos and clocks that stand there.
    """

    def __init__(self, coarse: int, fine: int) -> None:
        self._sides = coarse, fine
        self._searched = 0.0
        self._grey: Pixels | None = None
        self._lines: list[TextLine] = []

    def read(self, time: float, picture: Pixels, cut: bool) -> list[TextLine]:
        """The lines of the picture. Those of the last one stay as they were where its pixels are the same."""
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        before, self._grey = self._grey, grey
        comparable = before is not None and before.shape == grey.shape
        kept: list[TextLine] = []
        if before is not None and comparable:
            if unchanged(before, grey, (0, 0, grey.shape[1], grey.shape[0]), cells=36):
                return self._lines
            kept = [known for known in self._lines if unchanged(before, grey, known.box)]
        due = cut or time - self._searched >= PATIENCE
        self._searched = time if due else self._searched
        quads = self._find(picture, due or bool(kept))
        fresh = [quad for quad in quads if not any(overlap(box_of(quad), known.box) > 0.75 for known in kept)]
        boxes = [box_of(quad) for quad in fresh]
        # Where nothing is found any more but the scene is the same, the detector may have missed what is still there.
        lost = [known for known in self._lines if known not in kept] if comparable and not cut else []
        lost = [known for known in lost if not any(covered(known.box, box) > 0.1 for box in boxes)]
        kept = [known for known in kept if not any(covered(known.box, box) > 0.6 for box in boxes)]
        found = kept + recognise(picture, fresh) + _still(picture, lost)
        if due:
            small = [quad for quad in corners(picture) if not _among(box_of(quad), found)]
            found += [one for one in recognise(picture, small) if one.score >= SURE]
        self._lines = found
        return found

    def _find(self, picture: Pixels, insist: bool) -> list[Quad]:
        coarse, fine = self._sides
        if min(picture.shape[:2]) < LEAST_SIDE:
            return []
        if insist or detect(picture, coarse):
            return detect(picture, fine)
        return []


def detect(picture: Pixels, side: int) -> list[Quad]:
    """Corners (4, 2) of each line in pixels of the picture, looked for at a longer side of `side` pixels."""
    scale = side / max(picture.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way)
    # All three are given on each call because rapidocr keeps what it was last told.
    found = engine()(sized, use_det=True, use_cls=False, use_rec=False).boxes
    return [] if found is None else [np.asarray(quad, np.float32) / scale for quad in found]


def corners(picture: Pixels) -> list[Quad]:
    """Like `detect`, in the four corners alone, set side by side: small print is found that is lost in the whole."""
    height, width = (int(n * CORNER) for n in picture.shape[:2])
    if min(height, width) < LEAST_SIDE:
        return []
    right, below = picture.shape[1] - width, picture.shape[0] - height
    upper, lower = picture[:height], picture[below:]
    found = []
    for quad in detect(np.vstack([np.hstack([row[:, :width], row[:, right:]]) for row in (upper, lower)]), CLOSE):
        x, y, w, h = box_of(quad)
        tile = np.array([x // width, y // height])
        # What touches the edge of its tile may be part of a longer line, which the search of the whole picture has.
        if x // width == (x + w + 1) // width and y // height == (y + h + 1) // height and x % width and y % height:
            found.append((quad + tile * (right - width, below - height)).astype(np.float32))
    return found


def recognise(picture: Pixels, quads: Sequence[Quad]) -> list[TextLine]:
    """What stands in each quad; noise is left out."""
    crops = engine().crop_text_regions(picture, list(quads))
    found = zip(_texts(crops, [box_of(quad) for quad in quads]), crops, strict=True)
    return [one for one in (_either(one, crop, picture.shape[0]) for one, crop in found) if _readable(one, picture)]


def _still(picture: Pixels, lost: Sequence[TextLine]) -> list[TextLine]:
    """Those lines that can be read at their old place."""
    crops = [picture[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1] for x, y, w, h in (one.box for one in lost)]
    found = zip(lost, _texts(crops, [one.box for one in lost]), strict=True)
    return [now for old, now in found if fold(now.text) == fold(old.text) and _readable(now, picture)]


def _texts(crops: Sequence[Pixels], boxes: Sequence[Box]) -> list[TextLine]:
    if not crops:
        return []
    sized = [_shrunk(crop) for crop in crops]
    read = engine().recognize_txt(sized)
    texts = [line(_spaced(text, info)) for text, info in zip(read.txts, read.word_results, strict=True)]
    return [
        TextLine(box, text, float(score), inks(crop, text, _places(info)), paper(crop))
        for box, text, score, info, crop in zip(boxes, texts, read.scores, read.word_results, sized, strict=True)
    ]


def _either(whole: TextLine, crop: Pixels, height: int) -> TextLine:
    """A tall box that does not read well is a title of two lines if its halves read better."""
    if crop.shape[0] < TALL * height or whole.score > 0.95 or crop.shape[1] < crop.shape[0]:
        return whole
    middle = crop.shape[0] // 2
    upper, lower = _texts([crop[:middle], crop[middle:]], [whole.box, whole.box])
    score = min(upper.score, lower.score)
    if score < max(SURE, whole.score) or min(len(upper.text), len(lower.text)) < 2:
        return whole
    return TextLine(whole.box, f"{upper.text} {lower.text}", score, together((upper.inks, lower.inks)), whole.paper)


def _shrunk(crop: Pixels) -> Pixels:
    """The recogniser shrinks without averaging, which breaks big letters; so that is done here."""
    height, width = crop.shape[:2]
    if height <= TEXT_HEIGHT:
        return crop
    size = max(1, round(width * TEXT_HEIGHT / height)), TEXT_HEIGHT
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def _places(info: Any) -> list[float]:
    """Where each character that is no space stands, from 0 (left) to 1 (right)."""
    length = info.line_txt_len or 1
    return [column / length for word in info.word_cols for column in word]


def _spaced(text: str, info: Any) -> str:
    """Puts back the space that the recogniser misses before a capital: the step to it is half as wide again as most."""
    places = _places(info)
    if " " in text or len(places) != len(text) or len(text) < 4:
        return text
    steps = np.diff(places)
    usual = 1.5 * float(np.median(steps))
    return text[0] + "".join(
        f" {b}" if a.islower() and b.isupper() and step >= usual else b
        for a, b, step in zip(text, text[1:], steps, strict=False)
    )


def _readable(found: TextLine, picture: Pixels) -> bool:
    """Whether it is text rather than a pattern taken for text: the shorter and taller it is, the surer it has to be."""
    letters = sum(c.isalnum() for c in found.text)
    if letters == 1 and found.box[3] > TALL * picture.shape[0]:
        return False
    return letters > 0 and found.score >= (LEAST_SCORE if letters > 3 else SURE)


def unchanged(before: Pixels, after: Pixels, box: Box, cells: int = 4) -> bool:
    """Whether two grey pictures are the same in a box. Cells (so many in its height) notice a single changed digit."""
    x, y, w, h = box
    rows, columns = slice(max(0, int(y)), int(y + h) + 1), slice(max(0, int(x)), int(x + w) + 1)
    difference = cv2.absdiff(before[rows, columns], after[rows, columns])
    grid = cv2.resize(difference, (max(1, round(cells * w / h)), cells), interpolation=cv2.INTER_AREA)
    return bool(difference.mean() < SAME and grid.max() < SAME_CELL)


def box_of(quad: Quad) -> Box:
    x, y = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    return float(x), float(y), max(1.0, float(right - x)), max(1.0, float(bottom - y))


def _shared(a: Box, b: Box) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    shared = _shared(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def covered(a: Box, b: Box) -> float:
    """How much of `a` lies in `b`, 0..1."""
    return _shared(a, b) / (a[2] * a[3])


def _among(box: Box, found: Iterable[TextLine]) -> bool:
    return any(covered(box, one.box) > 0.1 for one in found)


def scaled(found: TextLine, scale: float) -> TextLine:
    x, y, w, h = found.box
    return replace(found, box=(x * scale, y * scale, w * scale, h * scale))


_here = threading.local()


def engine() -> Any:
    """The rapidocr of this thread, loaded on first use (about 0.6 s) and kept. Raises ToolUnavailable without it."""
    if not hasattr(_here, "engine"):
        detector, recogniser = models()
        try:
            import onnxruntime
            from rapidocr import RapidOCR
        except ImportError as error:
            raise ToolUnavailable(f"reading text in pictures needs {error.name or 'rapidocr'}; {REMEDY}") from error
        onnxruntime.disable_telemetry_events()
        # The paths are given because rapidocr otherwise checks its models against a list and may download them.
        _here.engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_preprocess_img": False,
                "Global.return_word_box": True,
                "Det.limit_type": "max",
                "Det.limit_side_len": 4096,
                "Det.model_path": str(detector),
                "Rec.model_path": str(recogniser),
                "Rec.rec_batch_num": 1,  # six lines padded to the longest take 350 MB and a quarter more time
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
    return _here.engine


@cache
def models() -> tuple[Path, Path]:
    """The detection and recognition models inside the rapidocr package. Raises ToolUnavailable where there are none."""
    spec = find_spec("rapidocr")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        found = [sorted(Path(folder, "models").glob(f"*_{part}_*.onnx")) for part in ("det", "rec")]
        if all(found):
            return found[0][-1], found[1][-1]
    raise ToolUnavailable(f"reading text in pictures needs the package rapidocr with its models; {REMEDY}")


@cache
def digest() -> str:
    """BLAKE2b over both models."""
    return hashlib.blake2b(b"".join(path.read_bytes() for path in models()), digest_size=16).hexdigest()
