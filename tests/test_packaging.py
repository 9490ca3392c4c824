"""The distribution: what it declares, what its wheel holds, and that the wheel alone is enough."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("benchmarks", "baselines", "methods", "leaderboard", "datasets/symdata")
OURS = {*(Path(package).name for package in PACKAGES), "tests"}
# Distributions whose module has another name.
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}
# Distributions that are used without an import: tools, plugins of pytest, and stubs.
TOOLS = {
    "hatchling",
    "mkdocs",
    "mkdocs-material",
    "mkdocstrings",
    "mypy",
    "pytest-benchmark",
    "pytest-xdist",
    "ruff",
    "types-tabulate",
}


def declared(requirements):
    """The distributions that requirements name, each with its specifier."""
    parts = (re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", one).groups() for one in requirements)
    return dict(parts)


def modules(requirements):
    return {MODULES.get(name, name.replace("-", "_")) for name in declared(requirements)}


NEEDED = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
PAGES = PROJECT["dependency-groups"]["docs"]


def imported(folders):
    """The modules of other distributions that files import, and whether inside a function."""
    found = set()

    def visit(node, lazy):
        for child in ast.iter_child_nodes(node):
            names = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
                names = [child.module]
            tops = {name.partition(".")[0] for name in names}
            found.update((top, lazy) for top in tops if not (path.parent / f"{top}.py").exists())
            visit(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "throughput" not in path.parts or "throughput" in folder:
                visit(ast.parse(path.read_text()), False)
    return {(name, lazy) for name, lazy in found if name not in {*sys.stdlib_module_names, *OURS}}


def test_what_the_packages_import_is_declared_and_nothing_else():
    always = {name for name, lazy in imported(PACKAGES) if not lazy}
    later = {name for name, lazy in imported(PACKAGES) if lazy}
    optional = modules(EXTRAS["render"]) | modules(EXTRAS["teacher"])
    assert always <= modules(NEEDED), "imported at the top of a module and not declared"
    assert always | later == modules(NEEDED) | optional


def test_what_tests_and_timings_import_is_declared():
    tested = {name for name, _ in imported(["tests", "benchmarks/throughput"])}
    assert tested <= modules(NEEDED) | modules(EXTRAS["test"])
    tools = {*declared(EXTRAS["test"]), *declared(EXTRAS["lint"]), *declared(PAGES)}
    assert tools - TOOLS <= {name.replace("_", "-") for name in tested}


def test_every_dependency_has_a_lowest_version():
    for requirements in (NEEDED, *EXTRAS.values(), PAGES, PROJECT["build-system"]["requires"]):
        for name, specifier in declared(requirements).items():
            assert specifier.startswith(">="), name


def test_the_citation_and_the_changelog_name_the_version():
    version = PROJECT["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def symbench(wheel, python, tmp_path_factory):
    """The installed command: the wheel's files and script, in a folder apart from the checkout.

    The folder holds packages of a user's, called as those of symbench are.
    """
    home = tmp_path_factory.mktemp("installed")
    site = home / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    scripts = configparser.ConfigParser()
    scripts.read(next(site.glob("*.dist-info")) / "entry_points.txt")
    module, function = scripts["console_scripts"]["symbench"].split(":")
    script = home / "symbench"
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    for name in ("benchmarks", "methods", "baselines", "leaderboard", "datasets"):
        (home / "project" / name).mkdir(parents=True)
        (home / "project" / name / "__init__.py").write_text("raise SystemExit('not ours')")

    def run(*arguments, program=(str(script),)):
        folder = home / "project"
        return python(*program, *arguments, cwd=folder, env={"PYTHONPATH": str(site)})

    return run


def test_the_wheel_holds_published_figures_and_types_and_no_records(wheel):
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    assert {f"{Path(package).name}/py.typed" for package in PACKAGES} <= files
    assert "leaderboard/published/abstract_rules.json" in files
    assert "benchmarks/judges/weights/digits.npz" in files
    assert "symdata/abstract_rules/README.md" in files
    strangers = ("leaderboard/results/", "benchmarks/throughput/", "tests/", "datasets/")
    assert not [name for name in files if name.startswith(strangers)]


def test_the_wheel_alone_runs_a_cell_lists_and_shows_beside_packages_of_its_names(symbench):
    packages = [Path(package).name for package in PACKAGES]
    where = f"import {', '.join(packages)}; print(*(m.__file__ for m in ({', '.join(packages)})))"
    found = symbench(program=("-P", "-c", where)).stdout.split()
    assert len(found) == len(PACKAGES)
    assert not any(Path(file).is_relative_to(ROOT) for file in found)

    listed = symbench("list")
    assert listed.returncode == 0, listed.stderr
    assert "abstract_rules" in listed.stdout
    arguments = (
        "--suite",
        "abstract_rules",
        "--profile",
        "smoke",
        "--device",
        "cpu",
        "--jobs",
        "1",
    )
    ran = symbench("run", *arguments, "--task", "same_different/m95", "--method", "chance")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Next: symbench leaderboard\n" in ran.stdout
    shown = symbench("show", "abstract_rules/smoke/same_different/m95/chance/seed0")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "chance" in shown.stdout


@pytest.mark.parametrize(
    ("program", "name"),
    [(None, "symbench"), (("-P", "-m", "benchmarks"), "python -m benchmarks")],
    ids=["script", "module"],
)
def test_help_and_errors_name_the_command_that_was_typed(symbench, program, name):
    options = {} if program is None else {"program": program}
    shown = symbench("run", "--help", **options).stdout
    assert f"Usage: {name} run" in shown
    assert f"  {name} run --suite abstract_rules\n" in shown
    mistake = symbench("run", "--sweet", **options)
    assert mistake.returncode == 2
    assert mistake.stderr.endswith(f"See: {name} run --help\n")
