import subprocess
import sys
from pathlib import Path

import datasets
import pytest

import symdata
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
        "    d = symdata.dataset(name); print(d.NAME, d.VERSION, len(d.CONFIGS), d.DESCRIPTION)\n"
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
    assert name == source.NAME
    assert len(set(source.CONFIGS)) == len(source.CONFIGS) > 0
    assert "\n" not in source.DESCRIPTION
    assert (Path(source.__path__[0]) / "README.md").read_text().startswith("---\n")
    assert len({str(source.settings(config)) for config in source.CONFIGS}) == len(source.CONFIGS)
    with pytest.raises(DataError, match=source.CONFIGS[-1]):
        source.settings("no such thing")


def test_a_configuration_says_its_task_and_regime():
    source = symdata.dataset("abstract_rules")
    assert source.settings("same_different_m98") == {"task": "same_different", "withheld": 98}
    assert "identity_rules_m95" in source.CONFIGS
    with pytest.raises(DataError, match="there are: same_different_m0"):
        source.settings("rtms_m50")


def test_an_unknown_dataset_is_one_line():
    with pytest.raises(DataError, match="no dataset 'shapes'; there are: abstract_rules"):
        symdata.dataset("shapes")
