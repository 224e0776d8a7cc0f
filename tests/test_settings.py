"""Where settings come from, what is refused, and which folder the library is."""

from pathlib import Path

import pytest

from reelcue.agent.settings import load, locate_library
from reelcue.tools.errors import LibraryError, UsageError


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config folder, empty."""
    folder = tmp_path / "config" / "reelcue"
    folder.mkdir(parents=True)
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: folder)
    return folder


def written(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "reelcue.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_without_anything_the_defaults_hold() -> None:
    found = load(None, {})
    assert (found.debug, dict(found.tools), found.file) == (False, {}, None)


def test_the_library_wins_over_the_user_and_the_environment_over_both(tmp_path: Path, config: Path) -> None:
    written(config, 'debug = true\ntools.plates = "a:A"\n')
    library = written(tmp_path / "library", '[tools]\nbirds = "pkg.birds:Birds"\n')
    assert load(None, {}).debug and load(tmp_path / "elsewhere", {}).tools == {"plates": "a:A"}
    assert load(library, {}).tools == {"birds": "pkg.birds:Birds"} and not load(library, {}).debug
    found = load(library, {"REELCUE_DEBUG": "yes", "REELCUE_TOOLS_BIRDS": "b:B", "REELCUE_TOOLS_MY_TOOL": "c:C"})
    assert found.debug and found.tools == {"birds": "b:B", "my_tool": "c:C"}
    assert found.file == library / "reelcue.toml"


def test_other_variables_are_ignored_but_remembered() -> None:
    found = load(None, {"REELCUE_LIBRARY": "x", "REELCUE_DEBUGG": "1", "REELCUE_TOOLS_": "a:A", "OTHER": "1"})
    assert found.ignored == ("REELCUE_DEBUGG", "REELCUE_TOOLS_")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("debug = \n", "line 1"),
        ("\n# notes\ndebgu = true\n", "line 3: there is no setting 'debgu'"),
        ('[tool]\nplates = "a:A"\n', "'tool.plates'"),
        ("tools = 3\n", "there is no setting 'tools'"),
        ('debug = "maybe"\n', "line 1: debug is true or false"),
        ('\n[tools]\nplates = "no colon"\n', "line 3: tools.plates is where its class is"),
        ("tools.plates = 3\n", "tools.plates is where its class is"),
        ('tools."a b" = "a:A"\n', "rename it"),
        (b"debug = \xff\n", "re-save it as UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    library = written(tmp_path / "library", text)
    with pytest.raises(UsageError) as refused:
        load(library, {})
    assert str(library / "reelcue.toml") in str(refused.value) and said in str(refused.value)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert load(written(tmp_path / "library", b"\xef\xbb\xbfdebug = true\n"), {}).debug


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(UsageError, match="REELCUE_DEBUG: debug is true or false"):
        load(None, {"REELCUE_DEBUG": "perhaps"})
    with pytest.raises(UsageError, match="REELCUE_TOOLS_PLATES"):
        load(None, {"REELCUE_TOOLS_PLATES": "plates"})


def library(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "index.sqlite").touch()
    return folder


def test_the_nearest_library_above_is_found(tmp_path: Path) -> None:
    upper = library(tmp_path / "reelcue-library")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert locate_library(None, below, environ={}) == upper
    assert locate_library(None, below, create=True, environ={}) == upper
    nearer = library(tmp_path / "a" / "reelcue-library")
    assert locate_library(None, below, environ={}) == nearer


def test_the_option_wins_over_the_environment_and_that_over_folders(tmp_path: Path) -> None:
    library(tmp_path / "reelcue-library")
    named, meant = library(tmp_path / "named"), library(tmp_path / "meant")
    environ = {"REELCUE_LIBRARY": str(named)}
    assert locate_library(None, tmp_path, environ=environ) == named
    assert locate_library(meant, tmp_path, environ=environ) == meant


def test_reading_makes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="make one with reelcue add"):
        locate_library(None, tmp_path, environ={})
    with pytest.raises(LibraryError, match=r"nowhere: there is no library"):
        locate_library(tmp_path / "nowhere", tmp_path, environ={})
    assert locate_library(None, tmp_path, create=True, environ={}) == tmp_path / "reelcue-library"
    assert not (tmp_path / "reelcue-library").exists()


def test_a_file_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").touch()
    with pytest.raises(UsageError, match="is a file"):
        locate_library(tmp_path / "talk.mp4", tmp_path, create=True, environ={})
