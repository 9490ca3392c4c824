"""The house: which folder may import which, and documents that stay true."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"benchmarks", "baselines", "methods", "leaderboard", "symdata"}
# What each part may import of ours, besides itself.
ARROWS = {
    "datasets/symdata": set(),
    "benchmarks/columns.py": {"benchmarks.errors"},
    "benchmarks/protocol.py": {"benchmarks.columns", "benchmarks.errors", "symdata.sources"},
    "benchmarks/device.py": {"benchmarks.errors"},
    "benchmarks/optimisation.py": {"benchmarks.errors"},
    "benchmarks/checkpoint.py": {"benchmarks.protocol"},
    "benchmarks/training.py": {
        "benchmarks.checkpoint",
        "benchmarks.device",
        "benchmarks.optimisation",
        "benchmarks.protocol",
    },
    "benchmarks/judges": {"symdata", "benchmarks.errors", "benchmarks.protocol"},
    "benchmarks/metrics": set(),
    "benchmarks/pictures": {"benchmarks.protocol", "benchmarks.records"},
    "benchmarks/suites": {
        "symdata",
        "benchmarks.judges",
        "benchmarks.metrics",
        "benchmarks.pictures",
        "benchmarks.protocol",
    },
    "baselines": {
        "benchmarks.device",
        "benchmarks.errors",
        "benchmarks.optimisation",
        "benchmarks.protocol",
        "benchmarks.training",
        "symdata.cache",
    },
    "baselines/checks.py": {"benchmarks.errors"},
    "methods": {
        "baselines",
        "benchmarks.device",
        "benchmarks.optimisation",
        "benchmarks.protocol",
        "benchmarks.training",
    },
    "leaderboard": {"benchmarks.records", "benchmarks.stats", "benchmarks.protocol"},
}


# The modules of GNM in the order of their imports: each may import those before it.
GNM = (
    "settings",
    "struct_draw",
    "components",
    "glimpses",
    "renderer",
    "background",
    "network",
    "illustrations",
    "method",
    "__init__",
)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files(part):
    place = ROOT / part
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


@pytest.mark.parametrize("part", ARROWS)
def test_imports_point_one_way(part):
    own = part.removeprefix("datasets/").removesuffix(".py").replace("/", ".")
    allowed = {own, *ARROWS[part]}
    assert files(part)
    for path in files(part):
        for name in imports(path):
            if name.partition(".")[0] in OURS:
                fits = any(name == one or name.startswith(f"{one}.") for one in allowed)
                assert fits, f"{path.relative_to(ROOT)} imports {name}"


def test_the_modules_of_gnm_import_one_way_and_none_is_forgotten():
    assert {path.stem for path in files("methods/gnm")} == set(GNM)
    for place, name in enumerate(GNM):
        before = {f"methods.gnm.{one}" for one in GNM[:place]}
        tree = ast.parse((ROOT / "methods/gnm" / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "methods.gnm":
                found = {f"methods.gnm.{alias.name}" for alias in node.names}
            else:
                found = {getattr(node, "module", None) or ""}
            ours = {one for one in found if one.startswith("methods.gnm.")}
            assert ours <= before, f"{name} imports {ours - before}"


def test_the_runner_imports_no_training_loop():
    text = (ROOT / "benchmarks/runner.py").read_text()
    assert "benchmarks.device" in set(imports(ROOT / "benchmarks/runner.py"))
    assert not any(name in text for name in ("benchmarks.training", "import training"))


def test_nobody_imports_a_method_but_the_registry_by_name():
    for path in files("benchmarks"):
        names = [
            name for name in imports(path) if name.partition(".")[0] in ("methods", "baselines")
        ]
        assert not names or "throughput" in path.parts, path


def test_no_file_is_longer_than_400_lines():
    for part in ("benchmarks", "baselines", "methods", "leaderboard", "datasets"):
        for path in files(part):
            assert len(path.read_text().splitlines()) <= 400, path


DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


def fenced(name, document="README.md"):
    text = (ROOT / document).read_text()
    block = re.search(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", text, re.DOTALL)
    return block.group(1)


def test_the_example_of_the_readme_keeps_the_protocol_and_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", fenced("example"), re.DOTALL).group(1)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 20
    (tmp_path / "my_method.py").write_text(code)

    def symbench(*arguments):
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)

    checked = symbench("check", "my_method.py:GRU")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    arguments = ("--suite", "abstract_rules", "--profile", "smoke", "--device", "cpu")
    one = ("--task", "rmts", "--jobs", "0")
    ran = symbench("run", *arguments, *one, "--method", "my_method.py:GRU")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "GRU" in ran.stdout


def test_the_language_of_the_guide_finds_a_program(tmp_path):
    code = re.search(
        r"```python\n(.*?)```", fenced("dsl", "docs/guides/trajectories.md"), re.DOTALL
    ).group(1)
    assert "steps=1000" in code
    (tmp_path / "my_dsl.py").write_text(code.replace("steps=1000", "steps=10"))
    walks = np.random.default_rng(0).normal(size=(80, 12, 2)).cumsum(1).astype(np.float32)
    np.save(tmp_path / "fish.npy", walks)
    command = [sys.executable, "my_dsl.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"1 where .*(the speed|the depth)", ran.stdout)


def test_the_generator_of_the_guide_learns_from_images_and_draws(tmp_path):
    code = re.search(
        r"```python\n(.*?)```", fenced("images", "docs/guides/images.md"), re.DOTALL
    ).group(1)
    assert "steps=20_000" in code
    (tmp_path / "my_images.py").write_text(code.replace("steps=20_000", "steps=2"))
    images = np.zeros((20, 32, 32, 1), np.uint8)
    images[:, 4:12, 20:28] = 255
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, "my_images.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert "'kl_where'" in ran.stdout
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
def test_the_tables_of_the_documents_are_those_of_the_results(document, suites):
    command = [sys.executable, "-m", "benchmarks", "leaderboard", "--summary", *suites]
    options = ["--out", "leaderboard/results", "--profile", "quick", "--format", "markdown"]
    made = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert fenced("table", document).strip() == made.stdout.strip()


def test_the_readme_is_read_in_minutes():
    assert len((ROOT / "README.md").read_text().split()) < 1200


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
