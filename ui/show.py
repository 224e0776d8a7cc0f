"""What people read in a terminal. Text from videos and file names is printed as it is: no markup, no escapes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..agent.answer import Answer, Citation, Searched, Usage, clock
from ..index.files import offline
from ..tools.languages import language_name
from ..tools.text import line

if TYPE_CHECKING:
    from ..agent.models import Entry
    from ..index.doctor import Finding
    from ..index.library import Added
    from ..index.mentions import Mention
    from ..index.recorded import Old
    from ..index.rows import JobRow, Row, Segment, VideoRow
    from ..index.search import Hit

_WIDE = 100_000  # columns where no terminal limits them: one row stays one line
_BANDS = {"strong": "strong match", "weak": "weak match: check it", "none": "not found"}
_COLOURS = {"ok": "green", "warning": "yellow", "error": "red", "added": "green", "updated": "green", "failed": "red"}
_SCORES = {
    "accuracy": "accuracy", "citation hit": "citation_hit", "when answered": "citation_hit_answered", "IoU": "iou",
    "declining precision": "declining_precision", "recall": "declining_recall", "right when found": "found_precision",
    "seconds": "seconds",
}  # fmt: skip


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich calls this while it handles the BrokenPipeError; its own version exits with 1


def console(stderr: bool = False) -> Console:
    """stdout, or stderr: as wide as its terminal, unlimited where it is none."""
    made = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _WIDE
    return made


def safe(text: object, style: str = "") -> Text:
    """Any text on one line, without control characters, never read as markup."""
    return Text(line(str(text)), style)


def period(start: float, end: float, unit: str = "seconds") -> str:
    """0:42-0:47, or 3-5 where a timeline only counts."""
    return f"{clock(start)}-{clock(end)}" if unit == "seconds" else f"{start:g}-{end:g}"


def answer(out: Console, found: Answer, units: Mapping[str, str] = MappingProxyType({})) -> None:
    """Sentences with their marks, the moments they come from, how sure, what was searched, what it cost."""
    for sentence in found.sentences:
        if sentence.text:
            marks = "".join(f"[{n}]" for n in sentence.citations)
            out.print(safe(f"{sentence.text} {marks}"))
    if not any(sentence.text for sentence in found.sentences):
        out.print(safe(found.answer))
    if found.citations:
        out.print()
    for citation in found.citations:
        out.print(_citation(citation, units.get(citation.video, "seconds")))
    out.print()
    out.print(safe(f"{_BANDS[found.band]}; {_searched(found.searched)}", "dim"))
    out.print(safe(cost(found.usage), "dim"))


def hits(out: Console, groups: Sequence[tuple[str, Sequence["Hit"]]], videos: Mapping[str, "VideoRow"]) -> None:
    """By video, the likeliest first; in each the best moments first."""
    if not groups:
        out.print("nothing found")
        return

    def cells(hit: "Hit") -> Sequence[str | Text]:
        segment, video = hit.segment, videos[hit.segment.video]
        when = period(segment.span.start, segment.span.end, video.unit)
        return safe(video.name), when, _kind(segment), f"{hit.score:.2f}", safe(segment.text)

    _table(out, ("video", "time", "kind", "score", "text"), (cells(hit) for _, found in groups for hit in found))


def mentions(out: Console, found: Iterable["Mention"], videos: Mapping[str, "VideoRow"]) -> None:
    """Every moment in a line, then how many there are in how many videos."""
    counts = Counter[str]()

    def cells(mention: "Mention") -> Sequence[str | Text]:
        video = videos[mention.segment.video]
        counts[video.id] += 1
        when = period(mention.span.start, mention.span.end, video.unit)
        return safe(video.name), when, _kind(mention.segment), safe(mention.text)

    _table(out, ("video", "time", "kind", "text"), map(cells, found))
    out.print(f"{counts.total()} moments in {len(counts)} of {len(videos)} videos")


def videos(out: Console, found: Sequence["VideoRow"]) -> None:
    if not found:
        out.print("no videos yet; add some with: reelcue add talk.mp4")
        return

    def cells(row: "VideoRow") -> Sequence[str | Text]:
        gone = Text("offline", "yellow") if offline(row) else ""
        return row.id, safe(row.name), length(row), safe(row.source or ""), row.recorded_at or "", gone

    _table(out, ("id", "name", "length", "source", "recorded", ""), map(cells, found))


def video(out: Console, row: "VideoRow", jobs: Sequence["JobRow"], counts: Mapping[str, int]) -> None:
    facts = row.facts
    picture = f"{facts['width']}x{facts['height']}" if facts.get("width") else "none"
    recorded = f"{row.recorded_at} (from its {row.recorded_from})" if row.recorded_at else "unknown"
    lines = {
        "id": row.id, "name": row.name, "file": f"{row.path or 'none'}{' (offline)' if offline(row) else ''}",
        "length": length(row), "picture": picture, "source": row.source or "none", "recorded": recorded,
        "added": row.added_at, "rows": ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "none",
    }  # fmt: skip
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(Text(name, "dim"), safe(value))
    for problem in facts.get("problems") or ():
        table.add_row(Text("problem", "yellow"), safe(problem))
    out.print(table)
    out.print()

    def cells(job: "JobRow") -> Sequence[str | Text]:
        state = Text(job.state, "red" if job.error else "")
        return safe(job.tool), safe(job.version), state, str(job.rows), f"{job.seconds:.1f}", safe(job.error or "")

    _table(out, ("tool", "version", "state", "rows", "CPU seconds", ""), map(cells, jobs))


def timeline(out: Console, rows: Sequence["Row"], unit: str) -> None:
    if not rows:
        out.print("no rows; see what was looked for with: reelcue show VIDEO")
        return
    cells = ((period(row.span.start, row.span.end, unit), _kind(row), safe(row.text)) for row in rows)
    _table(out, ("time", "kind", "text"), cells)


def old(one: "Old") -> str:
    """A video and which of its dates counts."""
    row = one.row
    date = f"recorded {row.recorded_at}" if row.recorded_at else f"added {row.added_at}, when recorded is not known"
    return f"{row.name} ({row.id}): {date}"


def added(out: Console, files: Sequence["Added"]) -> None:
    if not files:
        out.print("no video files there")
        return

    def cells(file: "Added") -> Sequence[str | Text]:
        rows = ", ".join(f"{n} {kind}" for kind, n in file.rows.items())
        return safe(file.name), file.video or "", Text(file.state, _COLOURS.get(file.state, "")), rows

    _table(out, ("file", "video", "state", "rows"), map(cells, files))


def remarks(err: Console, files: Sequence["Added"]) -> None:
    """One line per failure and per note, naming the file."""
    for file in files:
        for note in file.notes:
            err.print(safe(f"{file.name}: {note}"))
        if file.error:
            named = file.name in file.error
            err.print(safe(f"failed: {'' if named else file.name + ': '}{file.error}"))


def findings(out: Console, found: Sequence["Finding"]) -> None:
    for finding in found:
        text = Text.assemble((f"{finding.level:8}", _COLOURS[finding.level]), safe(finding.what))
        if finding.remedy:
            text.append_text(safe(f"; {finding.remedy}"))
        out.print(text)


def benches(out: Console, results: Sequence[Mapping[str, Any]]) -> None:
    """What was measured, from the least to the greatest of the rounds, and whether it keeps within its limit."""

    def cells(one: Mapping[str, Any]) -> Sequence[str | Text]:
        held = ("green", "yes") if one["holds"] else ("red", "NO")
        figures = (f"{one[part]:g}" for part in ("min", "median", "max"))
        limit = (one["bar"], Text(held[1], held[0])) if one["bar"] else ("", "")
        return safe(one["name"]), *figures, safe(one["unit"]), *limit, safe(one["what"])

    _table(out, ("bench", "min", "median", "max", "unit", "limit", "held", "what"), map(cells, results))


def report(out: Console, found: Mapping[str, Any]) -> None:
    """The report of an eval: all questions, then the even and the odd half, by type."""
    for half, scores in found["tables"].items():
        rows = {**scores["types"], "all types": scores["overall"]}
        cells: list[Sequence[str | Text]] = [
            [safe(name), str(row["questions"]), *(_score(row[key]) for key in _SCORES.values())]
            for name, row in rows.items()
        ]
        _table(out, (half, "n", *_SCORES), cells)
        out.print()
    for video, why in {**found["missing"], **found["failed"]}.items():
        out.print(safe(f"{video}: {why}"))
    for problem in found["problems"]:
        out.print(safe(problem))
    counts = f"{found['skipped']} skipped because their video is missing, {found['reused']} from an earlier run"
    out.print(f"{found['total']} questions, {counts}")


def retrieval(out: Console, results: Sequence[Mapping[str, Any]], mean: float) -> None:
    """Both systems by corpus, what was left out of both, and the mean gain."""

    def cells(one: Mapping[str, Any]) -> Sequence[str | Text]:
        both = (f"{one['bm25'][part]:.3f} / {one['ours'][part]:.3f}" for part in ("hit1", "hit5", "mrr"))
        gain = f"{one['gain']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
        return safe(Path(one["file"]).name), str(one["questions"]), *both, gain, f"{100 * one['relative']:+.1f} %"

    _table(out, ("corpus", "n", "hit@1", "hit@5", "MRR", "gain [95 %]", "relative"), map(cells, results))
    for one in results:
        left = ", ".join(f"{n} {reason}" for reason, n in one["left_out"].items())
        if left:
            out.print(safe(f"{Path(one['file']).name}: left out: {left}"))
    out.print(safe(f"BM25 over single rows / reelcue; mean relative gain of MRR {100 * mean:+.1f} %"))


def models(out: Console, found: Sequence["Entry"], checked: bool) -> None:
    """Models that are there or can be had; `checked` says that digests were computed."""
    rows = ((safe(one.name), f"{one.size / 1e6:,.0f}", safe(_kept(one, checked))) for one in found)
    _table(out, ("name", "MB", "state"), rows)


def length(row: "VideoRow") -> str:
    return clock(row.duration) if row.unit == "seconds" else f"{row.duration:g} steps"


def cost(usage: Usage) -> str:
    tokens = usage.tokens_in + usage.tokens_out
    model = f" of {usage.model}" if usage.model else ""
    return f"{usage.seconds:.2f} s, {usage.model_calls} model calls{model}, {tokens} tokens"


def _citation(citation: Citation, unit: str) -> Text:
    when = period(citation.span.start, citation.span.end, unit)
    at = f" ({citation.at})" if citation.at else ""
    return safe(f'[{citation.n}] {citation.name} {when}{at} {_kind(citation)} "{citation.text}"')


def _searched(searched: Searched) -> str:
    videos = f"{searched.videos} video{'' if searched.videos == 1 else 's'}"
    parts = [f"searched {videos}: {', '.join(searched.kinds) or 'nothing indexed yet'}"]
    if searched.complete < searched.videos:
        parts.append(f"{searched.complete} of {videos} fully indexed")
    if searched.words_only:
        parts.append(words_only(searched.words_only))
    if searched.missing:
        parts.append(f"not looked for: {', '.join(searched.missing)}")
    return "; ".join(parts)


def words_only(languages: Sequence[str]) -> str:
    """What is said where the sentence model does not know a language."""
    names = ", ".join(map(language_name, languages))
    return f"by words only: {names} (not known to the sentence model; see the setting embedder)"


def _kept(one: "Entry", checked: bool) -> str:
    if one.folder is None:
        return f"reelcue models get {one.name}"
    if one.wrong:
        return f"damaged ({', '.join(one.wrong)}): reelcue models get {one.name}"
    right = ", digests right" if checked and one.revision else ""
    return "; ".join(part for part in (f"here{right}", one.setting, one.remark) if part)


def _score(score: Mapping[str, Any]) -> str:
    """12/20 60 %, or a mean."""
    value = score.get("value", score.get("mean"))
    if value is None:
        return ""
    return f"{score['n']}/{score['of']} {100 * value:.0f} %" if "n" in score else f"{value:.2f}"


def _table(out: Console, head: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table on a terminal; elsewhere lines of cells between tabs, for other programs."""
    if not out.is_terminal:
        for row in ([*head], *rows):
            out.file.write("\t".join(str(cell) for cell in row) + "\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for n, column in enumerate(head):
        named = column in ("name", "video", "file")  # these and the last column may take several lines
        table.add_column(column, no_wrap=not named and n < len(head) - 1, overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    out.print(table)


def _kind(found: "Segment | Citation | Row") -> str:
    return f"{found.kind} (rough)" if found.rough else found.kind
