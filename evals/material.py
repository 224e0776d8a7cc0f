"""What the benches measure with, made from a few words and a seed, the same in each run: footage, slides and talk."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from ..index.rows import JobSpec, Segment, VideoRow
from ..index.store import Store
from ..tools.base import Observation, Span
from ..tools.embed import SPACE

Pixels = NDArray[np.uint8]

SIZE = (1280, 720)
SCENE = 5  # seconds between two cuts of footage
GRAIN = 20  # levels of noise, with which 720p takes as long to decode as common footage: about 1.3 megabits a second
SLOT = 5  # seconds of a timeline for each of its segments

_NOUNS = (
    "river market harbour engine garden teacher village winter budget signal library bridge forest doctor festival "
    "island factory museum glacier kitchen orchard railway captain mountain letter planet theatre storm painter "
    "harvest desert colony laboratory canal orchestra reactor monument journal lantern climate valley airport "
    "cathedral parliament microscope telescope vineyard lighthouse reservoir carpenter satellite volcano ambulance "
    "archive bakery caravan"
).split()
_ADJECTIVES = (
    "old narrow quiet early modern distant heavy bright broken famous local northern careful hidden steady wooden "
    "annual curious shallow national silver ordinary frozen rapid"
).split()
_VERBS = (
    "describes repairs visits measures paints closes follows finds opens explains protects carries crosses compares "
    "rebuilds watches leaves studies moves plans"
).split()
_PLACES = ("near", "behind", "above", "across", "inside", "beyond", "under", "around")
_SYLLABLES = "ba den dor fel gar hol jen kar lin mar nor pel ros sal tam tor vel wen yor zan".split()


def noun(random: Random) -> str:
    """A common word; as in a language, the first are by far the most frequent."""
    return random.choices(_NOUNS, weights=[1 / (rank + 3) for rank in range(len(_NOUNS))])[0]


def name(random: Random) -> str:
    """One of 8000 proper names, so that a timeline has many words that occur once."""
    return "".join(random.choices(_SYLLABLES, k=3)).capitalize()


def phrase(random: Random) -> str:
    return f"the {random.choice(_ADJECTIVES)} {noun(random)}"


def sentence(random: Random) -> str:
    """About ten words, for example: Bagarden repairs the old bridge near the quiet river."""
    near = f"{random.choice(_PLACES)} {phrase(random)}"
    return f"{name(random)} {random.choice(_VERBS)} {phrase(random)} {near}."


def questions(random: Random, count: int) -> list[tuple[str, str]]:
    """(type, question) of every type that is answered, one after another."""
    forms = (
        ("what", "What does {name} say about {phrase}?"),
        ("said", "What is said about {phrase}?"),
        ("when", "When does {name} mention {phrase}?"),
        ("who", "Who talks about {phrase}?"),
        ("count", "How many people are in {phrase}?"),
        ("written", "What is written about {phrase}?"),
        ("time", "What is said after {minute}:20?"),
        ("summary", "What is the video about?"),
    )
    asked = (forms[n % len(forms)] for n in range(count))
    return [
        (type, form.format(name=name(random), phrase=phrase(random), minute=random.randint(1, 30)))
        for type, form in asked
    ]


def footage(seconds: float, fps: int = 25, size: tuple[int, int] = SIZE, seed: int = 0) -> Iterator[Pixels]:
    """(height, width, 3): a grainy camera that pans over a landscape where a body crosses, cut every SCENE seconds."""
    width, height = size
    rng = np.random.default_rng(seed)
    grains = [rng.integers(0, GRAIN, (height, width, 3), np.uint8) for _ in range(8)]
    world, body = _texture(rng, size), _texture(rng, size)
    side = height // 3
    for n in range(round(seconds * fps)):
        moment = n % (SCENE * fps)
        if moment == 0:
            world, body = _texture(rng, (2 * width, 2 * height)), _texture(rng, (side, side))
            pan = rng.uniform(0.2, 0.9, 2)
        x, y = (pan * (width, height) * moment / (SCENE * fps)).astype(int)
        picture = np.asarray(cv2.add(world[y : y + height, x : x + width], grains[n % len(grains)]), np.uint8)
        at = moment * (width - side) // (SCENE * fps)
        picture[side : 2 * side, at : at + side] = body
        yield picture


def _texture(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    """(height, width, 3): soft colours with finer and finer detail in them."""
    total = np.zeros((size[1], size[0], 3), np.uint8)
    for grain, levels in ((120, 140), (30, 50), (8, 30), (3, 14)):
        cells = rng.integers(0, levels, (size[1] // grain + 2, size[0] // grain + 2, 3), np.uint8)
        total = np.asarray(cv2.add(total, cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC)), np.uint8)
    return total


def lecture(count: int, hold: int, fps: int, size: tuple[int, int]) -> Iterator[Pixels]:
    """(height, width, 3): slides of `hold` seconds each, and a scene of footage after every third."""
    for n, slide in enumerate(slides(count)):
        picture = slide.picture(size)
        yield from (picture for _ in range(hold * fps))
        if n % 3 == 2:
            yield from footage(SCENE, fps, size, seed=n)


@dataclass(frozen=True, slots=True)
class Slide:
    """A title and some lines."""

    title: str
    lines: Sequence[str]

    def picture(self, size: tuple[int, int] = SIZE) -> Pixels:
        """(height, width, 3): dark lettering on a light ground, the title in colour above a rule."""
        width, height = size
        unit = height / 720
        picture = np.full((height, width, 3), 246, np.uint8)
        thick = max(1, round(2 * unit))

        def put(text: str, y: int, scale: float, colour: tuple[int, int, int]) -> None:
            at, face = (round(80 * unit), round(y * unit)), cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(picture, text, at, face, scale * unit, colour, thick, cv2.LINE_AA)

        put(self.title, 110, 1.9, (20, 60, 140))
        cv2.line(picture, (round(80 * unit), round(140 * unit)), (width, round(140 * unit)), (20, 60, 140), thick)
        for n, text in enumerate(self.lines):
            put(text, 230 + 75 * n, 1.1, (30, 30, 30))
        return picture


def slides(count: int) -> list[Slide]:
    random = Random(0)
    return [
        Slide(f"{n + 1}. The {noun(random)} of {name(random)}", [sentence(random) for _ in range(random.randint(4, 6))])
        for n in range(count)
    ]


PASSAGE = 100  # words of a passage in a large library
WORDS = 60_000  # different words there
_VIDEO = 500  # passages of each of its videos
_DIMENSIONS = 384


@cache
def _language() -> tuple[list[str], list[float]]:
    """Words made of syllables, and how often each is used, added up: by Zipf's law, as in a language."""
    random = Random(0)
    words = list(dict.fromkeys("".join(random.choices(_SYLLABLES, k=random.randint(2, 4))) for _ in range(WORDS)))
    return words, list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))


def passage(random: Random, words: int = PASSAGE) -> str:
    known, often = _language()
    return " ".join(random.choices(known, cum_weights=often, k=words))


def query(random: Random) -> str:
    """Two to six words of that language."""
    return passage(random, random.randint(2, 6))


def library(folder: Path, segments: int) -> Path:
    """A library of so many passages of speech, with vectors that are as near to each other in a video as they are in
    talks, and made up. Returns `folder`."""
    random, rng = Random(0), np.random.default_rng(0)
    folder.mkdir(parents=True)
    with Store(folder / "index.sqlite", create=True) as store:
        for n in range(-(-segments // _VIDEO)):
            id = f"{n:016x}"
            store.put_video(VideoRow(id, id * 8, f"talk {n}.mp4", None, 0, 0, 40.0 * _VIDEO))
            job = store.queue(JobSpec(id, "replay", "1", kinds=("speech",)))
            store.start(job)
            seen = [
                Observation("replay", "speech", Span(40 * i, 40 * i + 39), passage(random))
                for i in range(min(_VIDEO, segments - n * _VIDEO))
            ]
            rows = (
                Segment(id, "speech", "replay", o.span, o.text, "en", observations=(i,)) for i, o in enumerate(seen)
            )
            store.commit(job, seen, list(rows))
            numbers = [segment.n for segment in store.segments([id])]
            vectors = rng.standard_normal((len(numbers), _DIMENSIONS)) + 0.7 * rng.standard_normal(_DIMENSIONS)
            store.put_vectors(SPACE, numbers, vectors)
            store.put_video_vector(SPACE, id, vectors.mean(axis=0))
    return folder


def timeline(path: Path, name: str, segments: int, seed: int = 0) -> Path:
    """Recorded observations of a video that never was, as JSON lines that become about so many segments.

    Sentences follow each other all the time, ten of them in a segment of speech; text in the picture comes now and
    then, captions most of the time, each a segment of its own. Returns `path`.
    """
    random = Random(seed)
    starts = range(0, (segments + 1) * SLOT, SLOT)
    with path.open("w", encoding="utf-8") as file:
        for slot, (start, end) in enumerate(pairwise(starts)):
            kinds = ["speech", *(["caption"] if slot % 3 else []), *(["text"] if slot % 4 == 0 else [])]
            for kind in kinds:
                row = {"video": name, "kind": kind, "start": start, "end": end, "text": sentence(random)}
                file.write(json.dumps(row) + "\n")
    return path
