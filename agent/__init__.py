if not __name__.startswith("reelcue."):
    raise ImportError("import this folder as reelcue.agent; run pip install -e . once")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import Agent
    from .answer import Answer, Citation, Sentence, Step

_PLACES = {"Agent": "agent", "Answer": "answer", "Citation": "answer", "Sentence": "answer", "Step": "answer"}
__all__ = ["Agent", "Answer", "Citation", "Sentence", "Step"]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that a command that needs no video does not load what reads one."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
