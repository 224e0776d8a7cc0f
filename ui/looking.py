"""The commands that show what is there: list, show, timeline, doctor."""

import typer

from ..agent import settings
from ..tools.errors import LibraryError, UsageError
from ..tools.text import line
from .options import JsonOption, KindsOption, LibraryOption, VideoArgument


def list_(library: LibraryOption = None, json: JsonOption = False) -> None:
    """List the videos of the library.

    \b
    Example:
      reelcue list
      reelcue list --library ~/films --json
    """
    from . import documents, session, show

    with session.opened(library) as lib:
        videos = lib.videos()
    if json:
        documents.write({"videos": [documents.video(row) for row in videos]})
    else:
        show.videos(show.console(), videos)


def show_(video: VideoArgument, library: LibraryOption = None, json: JsonOption = False) -> None:
    """Show what is known about a video.

    Its file, length and problems, and what each tool found or why it failed.

    \b
    Example:
      reelcue show talk.mp4
      reelcue show 3f9a --json
    """
    from . import documents, session, show

    with session.opened(library) as lib:
        row = lib.find(video)
        jobs, counts = lib.jobs(row.id), lib.store.counts(row.id)
    if json:
        documents.write({"video": documents.video(row), "jobs": list(map(documents.job, jobs)), "rows": counts})
    else:
        show.video(show.console(), row, jobs, counts)


def timeline(
    video: VideoArgument, kind: KindsOption = None, library: LibraryOption = None, json: JsonOption = False
) -> None:
    """Print what was observed, in order of time.

    \b
    Example:
      reelcue timeline talk.mp4 --kind speech,text
    """
    from . import documents, session, show

    kinds = session.kinds(kind)
    with session.opened(library) as lib:
        row = lib.find(video)
        rows = lib.rows(row.id, kinds)
    if json:
        about = {"video": row.id, "name": row.name, "unit": row.unit, "duration": row.duration}
        documents.write({**about, "rows": [documents.observation(one) for one in rows]})
    else:
        show.timeline(show.console(), rows, row.unit)


def doctor(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check this machine and the library.

    Looks at packages, tools, models, missing files, failed work, and whether search finds what is there. Each finding
    says what to do about it. Changes nothing. Exit code 1 when something is broken.

    \b
    Example:
      reelcue doctor
      reelcue doctor --library ~/films --json
    """
    from dataclasses import asdict

    from ..index import doctor as checks
    from . import documents, show

    findings: list[checks.Finding] = []
    try:
        from . import session

        with session.opened(library) as lib:
            findings += [*checks.machine(lib.model), *checks.library(lib)]
    except (LibraryError, UsageError, ImportError) as error:
        findings = findings or list(checks.machine())
        findings.append(checks.Finding("error" if library else "warning", line(str(error))))
    findings += [
        checks.Finding("warning", f"{name} in the environment is no setting", "correct its name or remove it")
        for name in settings.load().ignored
    ]
    if json:
        documents.write({"findings": [asdict(finding) for finding in findings]})
    else:
        show.findings(show.console(), findings)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)
