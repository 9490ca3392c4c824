"""The house: which folder may import which, and documents that stay true."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmarks", "baselines", "methods", "leaderboard", "datasets/symdata")
# Each part of the package, and the parts that it imports. A part is a module or a folder.
ARROWS = {
    "symdata": (),
    "benchmarks.errors": (),
    "benchmarks.program": (),
    "benchmarks.progress": (),
    "benchmarks.terminal": (),
    "benchmarks.scripts": ("errors",),
    "benchmarks.namesakes": ("errors",),
    "benchmarks.stats": (),
    "benchmarks.system_errors": ("program", "terminal"),
    "benchmarks.plain": ("sources",),
    "benchmarks.records": ("errors", "plain"),
    "benchmarks.metrics": (),
    "benchmarks.columns": ("errors",),
    "benchmarks.sources": ("errors",),
    "benchmarks.device": ("errors",),
    "benchmarks.optimisation": ("errors",),
    "benchmarks.curve": (),
    "benchmarks.run": ("curve", "errors", "progress", "symdata"),
    "benchmarks.environment": ("device",),
    "benchmarks.protocol": ("columns", "errors", "run", "symdata"),
    "benchmarks.checkpoint": ("plain", "protocol"),
    "benchmarks.training": ("checkpoint", "curve", "device", "optimisation", "protocol"),
    "benchmarks.identity": ("plain", "protocol", "records", "resolution", "sources", "symdata"),
    "benchmarks.isolation": (),
    "benchmarks.beside": ("sources",),
    "benchmarks.claims": ("errors",),
    "benchmarks.workers": ("program", "scripts"),
    "benchmarks.registry": (
        *("beside", "isolation", "namesakes", "protocol", "scripts", "sources", "symdata"),
    ),
    "benchmarks.resolution": ("errors", "protocol", "registry", "sources"),
    "benchmarks.plan": (
        *("identity", "protocol", "records", "registry", "resolution", "sources", "symdata"),
    ),
    "benchmarks.estimates": ("plan", "protocol", "records", "registry", "resolution"),
    "benchmarks.deviations": ("registry", "sources"),
    "benchmarks.verification": ("identity", "plan", "protocol", "records", "registry"),
    "benchmarks.display": ("estimates", "plan", "progress", "records"),
    "benchmarks.pictures": ("protocol", "records"),
    "benchmarks.judges": ("errors", "protocol", "symdata"),
    "benchmarks.suites": ("judges", "metrics", "pictures", "protocol", "symdata"),
    "benchmarks.runner": (
        *("curve", "device", "environment", "identity", "isolation", "outputs", "pictures"),
        *("plain", "plan", "protocol", "records", "registry", "symdata"),
    ),
    "benchmarks.outputs": ("protocol",),
    "benchmarks.executors": (
        *("claims", "device", "identity", "plan", "protocol", "records", "runner", "symdata"),
        "workers",
    ),
    "benchmarks.session": (
        *("claims", "device", "display", "estimates", "executors", "namesakes", "plan", "program"),
        *("protocol", "records", "resolution", "scripts", "terminal", "symdata"),
    ),
    "benchmarks.conformance": (
        *("columns", "isolation", "outputs", "plan", "protocol", "registry", "resolution"),
        *("runner", "symdata"),
    ),
    "benchmarks.listing": (
        *("deviations", "plan", "protocol", "registry", "resolution", "runner", "symdata"),
    ),
    "benchmarks.show": (
        *("display", "pictures", "plan", "protocol", "records", "registry", "resolution"),
        "symdata",
    ),
    "benchmarks.cli_options": ("errors", "program", "symdata"),
    "benchmarks.cli_data": ("cli_options", "display", "errors", "program", "terminal", "symdata"),
    "benchmarks.cli_tables": (
        *("cli_options", "errors", "identity", "plan", "records", "registry", "session"),
        *("terminal", "leaderboard"),
    ),
    "benchmarks.cli": (
        *("cli_data", "cli_options", "cli_tables", "conformance", "errors", "executors"),
        *("listing", "namesakes", "plan", "program", "records", "session", "show"),
        *("system_errors", "terminal", "verification", "workers"),
        *("leaderboard", "symdata"),
    ),
    "benchmarks.__main__": ("cli",),
    "baselines": ("device", "errors", "optimisation", "protocol", "training", "symdata"),
    "methods": ("device", "optimisation", "protocol", "scripts", "training", "baselines"),
    "leaderboard": ("curve", "errors", "pictures", "protocol", "records", "stats"),
    # The speed cases time whatever they like.
    "benchmarks.throughput": (
        *("device", "metrics", "optimisation", "plan", "protocol", "registry", "resolution"),
        *("runner", "suites", "training", "baselines", "methods", "symdata"),
    ),
}


def modules():
    """Name → file, of all modules of the package."""
    found = {}
    for path in (path for part in PACKAGES for path in files(part)):
        parts = (
            path.relative_to(ROOT).with_suffix("").parts[path.is_relative_to(ROOT / "datasets") :]
        )
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path):
    """The names that a file imports, wherever in it: `a.b` and `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported(path, known):
    """The modules of ours that a file imports; a package counts only where no module of it does."""
    names = {name for name in imports(path) if name in known}
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def files(part):
    place = ROOT / part
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def part_of(module):
    fits = [part for part in ARROWS if module == part or module.startswith(f"{part}.")]
    return max(fits, key=len, default=None)


def test_every_module_is_in_a_part_and_every_part_imports_what_the_table_says():
    known, seen = modules(), {part: set() for part in ARROWS}
    for module, path in known.items():
        part = part_of(module)
        assert part or module == "benchmarks", f"{module} is in no part of the table"
        for name in imported(path, known):
            if part_of(name) != part and part_of(name):
                seen[part].add(part_of(name).removeprefix("benchmarks."))
    assert seen == {part: set(allowed) for part, allowed in ARROWS.items()}


def test_no_module_imports_itself_through_others():
    known = modules()
    graph = {module: imported(path, known) - {module} for module, path in known.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError with the cycle


def test_no_file_is_longer_than_400_lines():
    for part in ("benchmarks", "baselines", "methods", "leaderboard", "datasets"):
        for path in files(part):
            assert len(path.read_text().splitlines()) <= 400, path


DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


def fenced(name, document="README.md"):
    text = (ROOT / document).read_text()
    block = re.search(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", text, re.DOTALL)
    return block.group(1)


def test_the_example_of_the_readme_keeps_the_protocol_and_runs(python, tmp_path):
    code = re.search(r"```python\n(.*?)```", fenced("example"), re.DOTALL).group(1)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 20
    (tmp_path / "my_method.py").write_text(code)

    def symbench(*arguments):
        return python("-m", "benchmarks", *arguments, cwd=tmp_path)

    checked = symbench("check", "my_method.py:GRU")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    arguments = ("--suite", "abstract_rules", "--profile", "smoke", "--device", "cpu")
    one = ("--task", "rmts", "--jobs", "0")
    ran = symbench("run", *arguments, *one, "--method", "my_method.py:GRU")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "GRU" in ran.stdout


def test_the_language_of_the_guide_finds_a_program(python, tmp_path):
    code = re.search(
        r"```python\n(.*?)```", fenced("dsl", "docs/guides/trajectories.md"), re.DOTALL
    ).group(1)
    assert "steps=1000" in code
    (tmp_path / "my_dsl.py").write_text(code.replace("steps=1000", "steps=10"))
    walks = np.random.default_rng(0).normal(size=(80, 12, 2)).cumsum(1).astype(np.float32)
    np.save(tmp_path / "fish.npy", walks)
    ran = python("my_dsl.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"1 where .*(the speed|the depth)", ran.stdout)


def test_the_generator_of_the_guide_learns_from_images_and_draws(python, tmp_path):
    code = re.search(
        r"```python\n(.*?)```", fenced("images", "docs/guides/images.md"), re.DOTALL
    ).group(1)
    assert "steps=20_000" in code
    (tmp_path / "my_images.py").write_text(code.replace("steps=20_000", "steps=2"))
    images = np.zeros((20, 32, 32, 1), np.uint8)
    images[:, 4:12, 20:28] = 255
    np.save(tmp_path / "images.npy", images)
    ran = python("my_images.py", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "nats an image" in ran.stdout
    drawn = np.load(tmp_path / "drawn.npy")
    assert drawn.shape == (8, 32, 32, 1)
    assert drawn.dtype == np.uint8
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("document", "suites"),
    [("README.md", ("--suite", "abstract_rules")), ("docs/results.md", ())],
    ids=["readme", "results"],
)
def test_the_tables_of_the_documents_are_those_of_the_results(python, document, suites):
    command = ["-m", "benchmarks", "leaderboard", "--summary", *suites]
    options = ["--out", "leaderboard/results", "--profile", "quick", "--format", "markdown"]
    made = python(*command, *options)
    assert made.returncode == 0, made.stderr
    assert fenced("table", document).strip() == made.stdout.strip()


def test_the_readme_is_read_in_minutes():
    # The table is looked at, and grows with the methods.
    text = (ROOT / "README.md").read_text()
    read = re.sub(r"<!-- table:begin -->.*?<!-- table:end -->", "", text, flags=re.S)
    assert len(read.split()) < 850


def test_files_that_the_documents_link_to_or_name_exist():
    for document in DOCUMENTS:
        text = document.read_text()
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document} links to {target}"
        parts = "benchmarks|baselines|methods|leaderboard|datasets|docs|tests"
        for named in re.findall(rf"`((?:{parts})/[\w/.]*)`", text):
            known = named == "datasets/__init__.py" or (ROOT / named).exists()  # never to be there
            assert known, f"{document} names {named}"


def test_the_glossary_is_sorted_and_explains_what_the_guides_take_from_it():
    text = (ROOT / "docs/glossary.md").read_text()
    words = re.findall(r"^\| ([^|]+?) \| ", text, re.MULTILINE)[1:]
    assert words == sorted(words, key=str.lower)
    taken = {
        word.lower()
        for document in DOCUMENTS
        for word in re.findall(r"\[([^]]+)\]\([./]*glossary\.md\)", document.read_text())
    } - {"glossary"}
    assert taken
    assert taken <= {word.lower() for word in words}
