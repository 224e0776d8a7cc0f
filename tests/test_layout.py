"""The plan of the house: what may import what, how big things may grow, and what is nowhere to be found."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BELOW = {
    "tools": (), "index": ("tools",), "agent": ("tools", "index"),
    "ui": ("tools", "index", "agent"), "evals": ("tools", "index", "agent"),
}  # fmt: skip
DATA = {"agent/rules", "evals/sample"}  # folders of files that are no code
LINES, FUNCTION_LINES = 400, 60

# Where a library may be imported at all; a later part adds its line here. In LAZY ones only inside functions.
PLACES = {
    "Stemmer": ("evals/retrieval.py",),
    "av": ("tools/video.py", "evals/clips.py"),
    "bm25s": ("evals/retrieval.py",),
    "chromadb": ("index/vectors.py",),
    "cv2": ("tools/*.py", "evals/material.py"),
    "faster_whisper": ("tools/whisper.py",),
    "gradio": (),
    "langchain": (),
    "langchain_core": (),
    "langchain_openai": (),
    "langgraph": (),
    "llama_cpp": (),
    "onnx": ("tools/bert.py",),
    "onnxruntime": ("tools/bert.py", "tools/embed.py", "tools/textlines.py"),
    "jiwer": ("evals/wer.py",),
    "platformdirs": ("tools/embed.py", "tools/hub.py", "tools/pack.py", "agent/settings.py", "ui/cli.py"),
    "pocketsphinx": ("tools/sphinx.py", "tools/voice.py"),
    "py3langid": ("tools/languages.py",),
    "rapidocr": ("tools/textlines.py",),
    "rich": ("ui/*.py",),
    "safetensors": ("tools/bert.py",),
    "sqlite3": ("index/store.py", "index/mentions.py"),
    "tokenizers": ("tools/embed.py",),
    "tomllib": ("agent/settings.py", "agent/question.py"),
    "torch": (),
    "transformers": (),
    "typer": ("ui/*.py",),
    "urllib": ("tools/download.py", "index/vectors.py"),
}  # fmt: skip
TYPES_ONLY = {"av": ("tools/frame.py",), "onnx": ("tools/bert.py",)}
LAZY = (
    *("onnx", "onnxruntime", "rapidocr", "safetensors", "tokenizers", "torch", "transformers", "gradio", "chromadb"),
    *("bm25s", "Stemmer", "jiwer", "pocketsphinx", "faster_whisper", "py3langid"),
)
NOWHERE = ("pickle", "marshal", "shelve", "dill")
NEVER_CALLED = ("eval", "exec", "compile", "__import__", "print", "breakpoint")


@dataclass(frozen=True)
class Import:
    file: str  # relative to the root
    target: str  # "tools/video.py" within the package, else the first name of another package
    level: int  # dots
    when: str  # "load", "call" or "types"


def sources(*folders: str) -> dict[str, str]:
    """Text by relative path."""
    found = (file for folder in folders or BELOW for file in sorted((ROOT / folder).rglob("*.py")))
    return {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in found}


@cache
def trees() -> dict[str, ast.Module]:
    return {file: ast.parse(text) for file, text in sources().items()}


@cache
def imports() -> tuple[Import, ...]:
    return tuple(one for file, tree in trees().items() for one in _imports(file, tree, "load"))


def _imports(file: str, node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(file, alias.name.split(".")[0], 0, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(file, target, child.level, when) for target in _targets(file, child))
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(file, child, "call")
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from _imports(file, child, "types")
        else:
            yield from _imports(file, child, when)


def _targets(file: str, node: ast.ImportFrom) -> set[str]:
    if not node.level:
        return {(node.module or "").split(".")[0]}
    parts = [file.split("/")[0]] if node.level == 1 else []
    parts += (node.module or "").split(".") if node.module else []
    if len(parts) == 2:
        return {"/".join(parts) + ".py"}
    inside = {name.name: f"{parts[0]}/{name.name}.py" for name in node.names}
    return {path if (ROOT / path).is_file() else f"{parts[0]}/__init__.py" for path in inside.values()}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Names of installed packages by what one imports."""
    return packages_distributions()


def calls() -> Iterator[tuple[str, ast.Call]]:
    return ((file, node) for file, tree in trees().items() for node in ast.walk(tree) if isinstance(node, ast.Call))


def fits(file: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(file, pattern) for pattern in patterns)


def loaded(code: str, names: str) -> list[str]:
    """Which of these modules a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint([name for name in {names.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.replace("'", '"'))
    return found


class TestFolders:
    @pytest.mark.parametrize("folder", [*BELOW, "tests"])
    def test_are_flat(self, folder: str) -> None:
        below = {f.relative_to(ROOT).as_posix() for f in (ROOT / folder).rglob("*.py") if f.parent != ROOT / folder}
        assert not below
        inside = {f for f in (ROOT / folder).iterdir() if f.is_dir() and not f.name.startswith(("__", "."))}
        assert {f.relative_to(ROOT).as_posix() for f in inside} <= DATA | {"tests/data"}

    @pytest.mark.parametrize("folder", BELOW)
    def test_are_typed(self, folder: str) -> None:
        assert (ROOT / folder / "py.typed").is_file()

    def test_cannot_be_imported_by_their_own_names(self) -> None:
        script = f"""
            import sys
            sys.path.insert(0, {str(ROOT)!r})
            for folder in {tuple(BELOW)}:
                try: __import__(folder)
                except ImportError as error: assert f"import this folder as reelcue.{{folder}}" in str(error), error
                else: sys.exit(folder)
        """
        code = "\n".join(line.removeprefix(" " * 12) for line in script.splitlines())
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    def test_are_all_in_the_package(self) -> None:
        packaging = _project()["tool"]["setuptools"]
        assert packaging["packages"] == [f"reelcue.{folder}" for folder in BELOW]
        assert packaging["package-dir"] == {f"reelcue.{folder}": folder for folder in BELOW}
        patterns = {f"{k.removeprefix('reelcue.')}/{p}" for k, v in packaging["package-data"].items() for p in v}
        for folder in DATA:
            files = [file for file in (ROOT / folder).iterdir() if file.is_file()]
            assert all(fits(file.relative_to(ROOT).as_posix(), tuple(patterns)) for file in files)


class TestSizes:
    def test_of_files(self) -> None:
        sizes = {file: text.count("\n") for file, text in sources(*BELOW, "tests").items()}
        assert {file: size for file, size in sizes.items() if size > LINES} == {}

    def test_of_functions(self) -> None:
        long = {}
        for file, text in sources(*BELOW, "tests").items():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    size = (node.end_lineno or 0) - node.lineno + 1
                    long.update({f"{file}: {node.name}": size} if size > FUNCTION_LINES else {})
        assert long == {}


class TestImports:
    def test_point_one_way(self) -> None:
        wrong = [
            one
            for one in imports()
            if one.level and (there := one.target.split("/")[0]) != (here := one.file.split("/")[0])
            if there not in BELOW[here] and (one.file, there) != ("ui/cli.py", "evals")
        ]
        assert wrong == []

    def test_of_the_package_itself_are_relative(self) -> None:
        helpers = {file.stem for file in (ROOT / "tests").glob("*.py")}
        names = {"reelcue", "tests", *BELOW} | helpers
        assert [one for one in imports() if not one.level and one.target in names] == []

    def test_go_to_files_that_exist(self) -> None:
        assert [one for one in imports() if one.level and not (ROOT / one.target).is_file()] == []

    def test_go_round_in_no_circle(self) -> None:
        edges = defaultdict(set)
        for one in imports():
            if one.level and one.when == "load" and one.target != one.file:
                edges[one.file].add(one.target)
        done: set[str] = set()

        def visit(file: str, above: tuple[str, ...]) -> None:
            assert file not in above, f"{' -> '.join(above)} -> {file}"
            if file not in done:
                for target in sorted(edges[file]):
                    visit(target, (*above, file))
                done.add(file)

        for file in trees():
            visit(file, ())

    def test_of_evals_are_made_by_one_file_when_it_is_called(self) -> None:
        found = {(one.file, one.when) for one in imports() if one.level and one.target.startswith("evals/")}
        assert {(file, when) for file, when in found if not file.startswith("evals/") and when != "types"} == {
            ("ui/cli.py", "call")
        }

    def test_of_heavy_libraries_stand_where_they_may(self) -> None:
        wrong = [
            one
            for one in imports()
            if not one.level and one.target in PLACES
            if not fits(one.file, PLACES[one.target])
            if one.when != "types" or one.file not in TYPES_ONLY.get(one.target, ())
        ]
        assert wrong == []

    def test_of_the_heaviest_wait_until_they_are_needed(self) -> None:
        assert [one for one in imports() if not one.level and one.target in LAZY and one.when == "load"] == []

    def test_are_of_declared_packages(self) -> None:
        known = distributions()
        declared = {canonicalize_name(name) for group in requirements().values() for name in group}
        others = {one.target for one in imports() if not one.level} - sys.stdlib_module_names
        # An extra that is not installed is known by the name of its package alone.
        names = {name: {canonicalize_name(d) for d in known.get(name, (name,))} for name in others}
        undeclared = {name for name in others if not declared & names[name]}
        assert undeclared == set()


class TestLoading:
    def test_the_agent_loads_no_models(self) -> None:
        heavy = "gradio onnxruntime onnx rapidocr tokenizers cv2 torch chromadb langchain"
        assert loaded("import reelcue.agent.agent", heavy) == []

    def test_the_commands_load_next_to_nothing(self) -> None:
        heavy = "numpy av cv2 sqlite3 onnxruntime onnx rapidocr tokenizers filelock reelcue.index reelcue.evals"
        assert loaded("import reelcue.ui.cli", heavy) == []

    def test_the_package_loads_nothing(self) -> None:
        code = "import reelcue.tools, reelcue.index, reelcue.agent"
        assert loaded(code, "numpy av sqlite3 reelcue.tools.video reelcue.index.library reelcue.agent.agent") == []


class TestNowhere:
    def test_is_text_taken_for_code(self) -> None:
        assert [one for one in imports() if one.target in NOWHERE] == []
        named = [(file, node.func.id) for file, node in calls() if isinstance(node.func, ast.Name)]
        assert [(file, name) for file, name in named if name in NEVER_CALLED] == []

    def test_is_a_shell_started(self) -> None:
        for file, node in calls():
            assert not any(keyword.arg == "shell" for keyword in node.keywords), (file, node.lineno)
            assert ast.unparse(node.func) not in ("os.system", "os.popen", "subprocess.getoutput"), (file, node.lineno)

    def test_but_in_settings_is_the_environment_read(self) -> None:
        for file, tree in trees().items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
                    assert file == "agent/settings.py", (file, node.lineno)
                if isinstance(node, ast.ImportFrom) and node.module == "os":
                    assert not {alias.name for alias in node.names} & {"environ", "getenv"}, (file, node.lineno)
        readers = {file for file, text in sources().items() if "reelcue.toml" in _strings(text)}
        assert readers == {"agent/settings.py"}

    def test_is_work_left_for_later(self) -> None:
        mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
        this = Path(__file__).name
        found = {file for file, text in sources(*BELOW, "tests").items() if mark.search(text)}
        assert found == {f"tests/{this}"}


def _strings(text: str) -> set[str]:
    """String constants of a source."""
    return {n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


class TestDependencies:
    def test_are_pinned_to_versions_that_fit(self) -> None:
        pins = constraints()
        for group in requirements().values():
            for name, requirement in group.items():
                assert name in pins, f"{name} is not in constraints.txt"
                assert requirement.specifier.contains(pins[name]), f"{requirement} but constraints.txt has {pins[name]}"

    def test_of_the_core_are_used(self) -> None:
        used = {canonicalize_name(d) for one in imports() for d in distributions().get(one.target, ())}
        assert set(requirements()["core"]) - used == set()

    def test_have_no_addresses(self) -> None:
        for text in (*_pins(), *_project()["project"]["dependencies"]):
            assert "://" not in text and "@" not in text, text

    def test_are_pinned_once(self) -> None:
        names = [canonicalize_name(pin.partition("==")[0]) for pin in _pins()]
        assert sorted(names) == sorted(set(names))


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def requirements() -> dict[str, dict[str, Requirement]]:
    """By group ("core" and the extras) and name."""
    project = _project()["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {group: {canonicalize_name(r.name): r for r in map(Requirement, lines)} for group, lines in groups.items()}


def _pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@cache
def constraints() -> dict[str, str]:
    return {canonicalize_name(name): version for name, _, version in (pin.partition("==") for pin in _pins())}
