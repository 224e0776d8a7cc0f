"""Figures of the benches: what was measured in which rounds, against which limit, and by which clock."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles
from typing import Any, Self

OnEvent = Callable[[str], None]
Call = tuple[float, float]  # milliseconds of one call on the wall and of CPU


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: its least, middle and greatest value over the rounds. `holds` when `median` keeps within `bar`.

    `unit` is x for a ratio; `bar` the limit as "<= 1.6", None for a figure that is told for comparison and always
    holds. `detail` is JSON: the value of every round, and the parts that the figure is made of.
    """

    name: str
    what: str
    unit: str
    min: float
    median: float
    max: float
    bar: str | None
    holds: bool
    detail: Mapping[str, Any]

    @classmethod
    def of(
        cls, name: str, what: str, unit: str, rounds: Sequence[float], *,
        at_most: float | None = None, at_least: float | None = None, **detail: Any,
    ) -> Self:  # fmt: skip
        middle = median(rounds)
        holds = (at_most is None or middle <= at_most) and (at_least is None or middle >= at_least)
        bar = f"<= {at_most:g}" if at_most is not None else f">= {at_least:g}" if at_least is not None else None
        detail = {"rounds": [short(value) for value in rounds], **detail}
        return cls(name, what, unit, min(rounds), middle, max(rounds), bar, holds, detail)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "what": self.what, "unit": self.unit, "min": short(self.min),
            "median": short(self.median), "max": short(self.max), "bar": self.bar, "holds": self.holds,
            "detail": dict(self.detail),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: seconds of footage, slides of `hold` seconds, segments of each video, and so on."""

    footage: float
    slides: int
    hold: int
    segments: int
    videos: int
    queries: int
    questions: int
    rounds: int
    libraries: tuple[int, ...]  # segments of each
    minutes: tuple[int, int]  # of a short and of a long video


FULL = Size(
    footage=120, slides=60, hold=20, segments=2000, videos=20, queries=200, questions=16, rounds=4,
    libraries=(10_000, 100_000, 500_000), minutes=(10, 60),
)  # fmt: skip
QUICK = Size(
    footage=30,
    slides=12,
    hold=20,
    segments=2000,
    videos=3,
    queries=200,
    questions=16,
    rounds=3,
    libraries=(10_000,),
    minutes=(2, 10),
)


def latency(
    name: str, what: str, rounds: Sequence[Sequence[Call]], limit: float | None, about: Mapping[str, Any]
) -> Result:
    """From (wall, CPU) milliseconds of each call in each round."""
    walls = [[wall for wall, _ in calls] for calls in rounds]
    return Result.of(
        name, what, "ms", [median(calls) for calls in walls], at_most=limit,
        p95=short(median(quantiles(calls, n=20, method="inclusive")[-1] for calls in walls)),
        cpu_mean=short(fmean(cpu for calls in rounds for _, cpu in calls)),
        calls=len(rounds[0]), **about,
    )  # fmt: skip


def in_turns(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    on_round: Callable[[int], None] = lambda number: None,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """What each work takes by `clock` in each round, in turns (A B A B), so that a busy machine hits all alike.

    The default clock is CPU time of this process with all its threads.
    """
    spent: dict[str, list[float]] = {name: [] for name in works}
    for number in range(1, rounds + 1):
        on_round(number)
        for name, work in works.items():
            began = clock()
            work()
            spent[name].append(clock() - began)
    return spent


def timed(work: Callable[[], object]) -> Call:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def short(value: float) -> float:
    return float(f"{value:.4g}")
