"""Models that were fetched from a hub: where they are kept."""

from pathlib import Path

from platformdirs import user_cache_path


def fetched(name: str) -> Path | None:
    """The folder of a fetched model, by its name on the hub ("ORG/NAME"); None where it was not fetched."""
    folder = user_cache_path("reelcue") / "models" / "hub" / name.replace("/", "--")
    return folder if folder.is_dir() else None
