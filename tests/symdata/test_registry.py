import ast
import graphlib
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import datasets
import pytest

import symdata
from symdata import hub
from symdata.arrow_room.breaks import BREAKS
from symdata.errors import DataError

HOME = Path(symdata.__path__[0]).parent


def python(code, folder):
    """What a fresh interpreter prints, with the layout of a checkout on its path."""
    run = [sys.executable, "-c", code]
    path = f"{HOME.parent}:{HOME}"
    return subprocess.run(
        run, env={"PYTHONPATH": path}, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_folder_never_shadows_hugging_face():
    assert HOME.name == "datasets"
    assert not (HOME / "__init__.py").exists()
    assert datasets.__version__[0].isdigit()
    found = python(
        "from importlib.util import find_spec as f; print(f('datasets').origin)", HOME.parent
    )
    assert Path(found) == Path(datasets.__file__)
    assert HOME not in Path(found).parents


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, symdata\n"
        "for name in symdata.names():\n"
        "    d = symdata.dataset(name); print(d.name, d.version, len(d.configs), d.description)\n"
        "heavy = ('numpy', 'datasets', 'pyarrow', 'PIL', 'torch', 'huggingface_hub')\n"
        "heavy += ('scipy', 'sklearn', 'pooch')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    lines = python(code, "/").splitlines()
    assert lines[0].startswith("abstract_rules 1 17 Four relational tasks")
    assert [line.split()[0] for line in lines[:-1]] == list(symdata.names())
    assert lines[-1] == "[]"


@pytest.mark.parametrize("name", symdata.names())
def test_every_dataset_has_what_the_contract_asks(name):
    source = symdata.dataset(name)
    assert name == source.name
    assert "\n" not in source.description
    assert hub.card_of(source).data["pretty_name"]
    assert len({str(source.settings(config)) for config in source.configs}) == len(source.configs)
    with pytest.raises(DataError, match=list(source.configs)[-1]):
        source.settings("no such thing")
    with pytest.raises(DataError, match=list(source.configs)[-1]):
        source.load("no such thing")
    # What is named is there, and is a function.
    named = [f"{source.arrays}:load", f"{source.columns}:features", f"{source.columns}:table"]
    named += [path for path in (source.rule, source.download) if path]
    named += [f"{source.arrays}:{name}" for name in ("shuffled", "broken") if source.judge]
    named += [f"{source.arrays}:identity"] if source.needs else []
    assert all(callable(resolve_name(path)) for path in named)


def test_settings_are_a_copy():
    source = symdata.dataset("painted_digits")
    source.settings("tiny")["sizes"]["train"] = 1
    assert source.settings("tiny")["sizes"]["train"] == 300


@pytest.mark.parametrize("name", ["mnist4", "mnist10"])
def test_scenes_of_digits_are_what_their_descriptors_say(name):
    source = symdata.dataset(name)
    scenes = source.shuffled("sklearn_32", 3)
    assert scenes.images.shape == (3, 32, 32, source.channels)
    assert scenes.graph["classes"].shape == (3, source.objects)
    assert tuple(source.broken("sklearn_32", 1)) == source.breaks


def test_the_breaks_of_the_room_are_those_that_can_be_made():
    assert symdata.dataset("arrow_room").breaks == tuple(BREAKS)


def test_a_configuration_says_its_task_and_regime():
    source = symdata.dataset("abstract_rules")
    assert source.settings("same_different_m98") == {"task": "same_different", "withheld": 98}
    assert "identity_rules_m95" in source.configs
    with pytest.raises(DataError, match="there are: same_different_m0"):
        source.settings("rtms_m50")


def test_an_unknown_dataset_is_one_line():
    with pytest.raises(DataError, match="no dataset 'shapes'; there are: abstract_rules"):
        symdata.dataset("shapes")


def test_no_module_imports_another_that_imports_it():
    """Over all modules of symdata; `graphlib` raises where there is a cycle."""
    files = {
        ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (HOME / "symdata").rglob("*.py")
    }
    arrows = {}
    for module, path in files.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                names = {one if one in files else node.module for one in names}
            else:
                names = {one.name for one in node.names} if isinstance(node, ast.Import) else set()
            arrows.setdefault(module, set()).update(names & set(files))
    order = list(graphlib.TopologicalSorter(arrows).static_order())
    assert order.index("symdata.hub") < order.index("symdata.publishing")
