if not __name__.startswith("reelcue."):
    raise ImportError("import this folder as reelcue.tools; run pip install -e . once")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import FrameTool, Observation, Span, Tool
    from .errors import ReelcueError
    from .frame import Frame
    from .video import Video

_PLACES = {
    "Frame": "frame",
    "FrameTool": "base",
    "Observation": "base",
    "ReelcueError": "errors",
    "Span": "base",
    "Tool": "base",
    "Video": "video",
}
__all__ = ["Frame", "FrameTool", "Observation", "ReelcueError", "Span", "Tool", "Video"]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that a command that needs no video does not load what reads one."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
