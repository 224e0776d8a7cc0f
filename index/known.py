"""A video that was measured before."""

from pathlib import Path
from typing import Any

from ..tools.text import clean
from ..tools.video import Video


class KnownVideo(Video):
    """The file is opened when more is asked for than its place and its length."""

    def __init__(self, path: Path, folder: Path, id: str, duration: float) -> None:
        self.path, self.folder, self.id = path, folder, id
        self.name, self.duration = clean(path.name), duration

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        super().__init__(self.path, self.folder, self.id)
        return super().__getattribute__(name)
