"""The family of errors. Whom an error is for is its type; every message names the thing and what to do next.

ReelcueError
    VideoError        a file that cannot be read as a video, or not where it is needed
    SubtitleError     a subtitle file that cannot be read
    ToolUnavailable   a tool whose package or model is not installed
    ToolFailed        a tool that broke while it observed a video
    LibraryError      a library that is missing, damaged, newer than this program, or in use
      VectorsError    a vector index that cannot be used; what it holds is in the library too
    ModelError        a language model that cannot be reached or answers with nonsense
    BudgetSpent       an answer that ran out of the calls, tokens or seconds it was given
    ActionError       told to the model, never to a person
    UsageError        a question, name, option or settings file that means nothing here
"""


class ReelcueError(Exception):
    """Base of all errors that reelcue raises on purpose."""


class VideoError(ReelcueError):
    """A file that cannot be read as a video, or a moment that it does not have."""


class SubtitleError(ReelcueError):
    """A subtitle file that cannot be read."""


class ToolUnavailable(ReelcueError):
    """A tool's package or model is missing. The message says what installs it."""


class ToolFailed(ReelcueError):
    """A tool broke while it observed a video. Nothing of that run is stored."""


class LibraryError(ReelcueError):
    """A library is missing, damaged, newer than this program, or held by another process."""


class VectorsError(LibraryError):
    """The vector index cannot be read, written or reached. Search does without it, and it can be made anew."""


class ModelError(ReelcueError):
    """A language model cannot be reached or does not answer as it must."""


class BudgetSpent(ReelcueError):
    """An answer used up the calls, tokens or seconds it was given."""


class ActionError(ReelcueError):
    """An action that cannot be done as asked. Told to the model so that it can try something else."""


class UsageError(ReelcueError):
    """A question, name, option or setting that means nothing here."""
