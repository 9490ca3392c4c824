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
    "benchmarks/training.py": {"benchmarks.protocol"},
    "benchmarks/checkpoint.py": {"benchmarks.protocol"},
    "benchmarks/optimisation.py": {"benchmarks.errors"},
    "benchmarks/long_training.py": {
        "benchmarks.checkpoint",
        "benchmarks.errors",
        "benchmarks.optimisation",
        "benchmarks.protocol",
        "benchmarks.training",
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
        "benchmarks.protocol",
        "benchmarks.training",
        "benchmarks.long_training",
        "benchmarks.optimisation",
        "symdata.cache",
    },
    "methods": {
        "baselines",
        "benchmarks.protocol",
        "benchmarks.training",
        "benchmarks.long_training",
        "benchmarks.optimisation",
    },
    "leaderboard": {"benchmarks.records", "benchmarks.stats", "benchmarks.protocol"},
}


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


def fenced(name):
    text = (ROOT / "README.md").read_text()
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
    ran = symbench("run", *arguments, "--method", "my_method.py:GRU")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "GRU" in ran.stdout


def test_the_language_of_the_readme_finds_a_program(tmp_path):
    code = re.search(r"```python\n(.*?)```", fenced("dsl"), re.DOTALL).group(1)
    assert "steps=1000" in code
    (tmp_path / "my_dsl.py").write_text(code.replace("steps=1000", "steps=10"))
    walks = np.random.default_rng(0).normal(size=(80, 12, 2)).cumsum(1).astype(np.float32)
    np.save(tmp_path / "fish.npy", walks)
    command = [sys.executable, "my_dsl.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"1 where .*(the speed|the depth)", ran.stdout)


def test_the_generator_of_the_readme_learns_from_images_and_draws(tmp_path):
    code = re.search(r"```python\n(.*?)```", fenced("images"), re.DOTALL).group(1)
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


def test_the_table_of_the_readme_is_that_of_the_results():
    command = [sys.executable, "-m", "benchmarks", "leaderboard", "--summary"]
    options = ["--out", "leaderboard/results", "--profile", "quick", "--format", "markdown"]
    made = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert fenced("table").strip() == made.stdout.strip()


def test_files_that_the_documents_link_to_exist():
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text()):
            if "://" not in target:
                assert (ROOT / target).exists(), f"{document} links to {target}"
