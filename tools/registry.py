"""Which tools there are. Adding one is one file and one line here; it is imported on use."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .base import FrameTool, Tool
from .errors import ReelcueError, ToolUnavailable

TOOLS = {
    "scan": "scan:Scan",
    "subtitles": "subtitles:Subtitles",
    "ocr": "ocr:TextReader",
    "replay": "replay:Replay",
    "speech": "speech:Speech",
}
# How thoroughly videos are looked through: constructor options of tools by name, None for one that is left out.
LEVELS: Mapping[str, Mapping[str, Mapping[str, Any] | None]] = {
    "fast": {"scan": {"keys": True, "rate": 2.0, "cut": 0.3}, "ocr": {"per_hour": 60}, "speech": None},
    "standard": {},
}
DEFAULT = ("scan", "subtitles", "ocr", "replay", "speech")


def make(name: str, options: Mapping[str, Any] | None = None) -> Tool | FrameTool:
    """The tool called `name` in the registry, or an outside one named as "package.module:Class".

    Raises ToolUnavailable, saying what to install, when there is none or its package is missing.
    """
    where = TOOLS.get(name)
    if where is None and ":" not in name:
        raise ToolUnavailable(
            f"no tool {name!r}; there are {', '.join(TOOLS)}, and outside ones as package.module:Class"
        )
    module, _, attribute = (where or name).partition(":")
    try:
        found = import_module(f".{module}", __package__) if where else import_module(module)
        tool = getattr(found, attribute)(**(options or {}))
    except ReelcueError:
        raise
    except ImportError as error:
        missing = error.name or module
        raise ToolUnavailable(f"tool {name}: {error}; install the package that brings {missing}") from error
    except Exception as error:  # an outside tool may raise anything, down to a SyntaxError
        raise ToolUnavailable(f"tool {name}: {type(error).__name__}: {error}; check its name and options") from error
    if not isinstance(tool, Tool | FrameTool):
        raise ToolUnavailable(
            f"tool {name}: {module}:{attribute} is neither a Tool nor a FrameTool (see tools/base.py)"
        )
    return tool
