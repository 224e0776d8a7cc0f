if not __name__.startswith("reelcue."):
    raise ImportError("import this folder as reelcue.index; run pip install -e . once")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ingest import Cancelled, Event
    from .library import Added, Library
    from .rows import Segment
    from .scope import Scope
    from .search import Hit

_PLACES = {
    "Added": "library",
    "Cancelled": "ingest",
    "Event": "ingest",
    "Hit": "search",
    "Library": "library",
    "Scope": "scope",
    "Segment": "rows",
}
__all__ = ["Added", "Cancelled", "Event", "Hit", "Library", "Scope", "Segment"]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that a command that needs no video does not load what reads one."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
