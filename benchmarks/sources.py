"""Source files read without importing them: literals that classes declare, and hashes of code.

Planning needs versions and published settings of methods whose import would load torch, which takes
seconds; as both are literals, the text of the source is enough.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.errors import SymbenchError

# The beginning of the name of a module that is loaded from a file; its end depends on the folder.
FILE = "symbench_file_"
# Modules of the harness that count as part of a method's sources, as its results depend on them.
COUNTED = (
    "benchmarks.training",
    "benchmarks.optimisation",
    "benchmarks.judges",
)


def declared(path: str, name: str, default: Any = None) -> Any:
    """The literal that is assigned to `name` in a module or in a class, read without an import.

    path: `module`, `module:Class` or `file.py:Class`. A class inherits the literals of its bases; a
    package that imports it stands for the module where it is defined. Returns the default where
    nothing is assigned or there is no such file; raises `SymbenchError` where it is no literal.
    """
    location, _, wanted = path.rpartition(":") if ":" in path else (path, "", "")
    if wanted:
        bodies = [node.body for _, node in _lineage(location, wanted)]
    else:
        tree = _parsed(location)
        bodies = [tree.body] if tree is not None else []
    for body in bodies:
        found = _value(body, name)
        if found is not None:
            return _literal(found, name, path)
    return default


@cache
def published(path: str) -> dict[str, dict[str, Any]]:
    """The settings that the `Settings` class of a method publishes, by data set, task or task id.

    path: `module:Class` or `file.py:Class`. They are the literal `published` of that class over
    those of its bases; where a class gives a field another default, that counts, and not what its
    bases publish for this field. Empty where there is none, or no such file.
    """
    merged = dict[str, dict[str, Any]]()
    for _, node in reversed(_settings(path)):
        again = {one.target.id for one in node.body if _is_field(one)}  # type: ignore[attr-defined]
        for values in merged.values():
            for name in again & values.keys():
                del values[name]
        found = _value(node.body, "published")
        given = {} if found is None else _literal(found, "published", path)
        if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
            raise SymbenchError(
                f"published of {node.name} is no dict by data set; write "
                'published: ClassVar = {"my_data": {"my_setting": 1}}.'
            )
        for key, values in given.items():
            merged[key] = {**merged.get(key, {}), **values}
    return merged


def docstrings(path: str) -> list[str]:
    """The docstrings of a class and of its bases, read without an import; none where it has none.

    path: `module:Class` or `file.py:Class`.
    """
    location, _, name = path.rpartition(":")
    found = (ast.get_docstring(node) for _, node in _lineage(location, name))
    return [text for text in found if text]


@cache
def named_by_default(path: str) -> dict[str, str]:
    """The fields of a method's `Settings` whose default is a text or a `Path` of one, each by name.

    path: `module:Class` or `file.py:Class`. A default may be a name that its module gives a text.
    """
    found = dict[str, str]()
    for location, node in reversed(_settings(path)):
        tree = _parsed(location)
        for one in node.body:
            if _is_field(one):
                assert isinstance(one, ast.AnnAssign)
                assert isinstance(one.target, ast.Name)
                found.pop(one.target.id, None)
                value = _text(one.value, tree)
                if value is not None:
                    found[one.target.id] = value
    return found


def _text(value: ast.expr | None, tree: ast.Module | None) -> str | None:
    """The text that an expression is: a literal, a `Path`, a `field`, or a name for one of them."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else None
    if isinstance(value, ast.Name) and tree is not None:
        return _text(_value(tree.body, value.id), None)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id == "Path" and len(value.args) == 1:
            return _text(value.args[0], tree)
        if value.func.id == "field":
            given = [one.value for one in value.keywords if one.arg == "default"]
            return _text(given[0], tree) if given else None
    return None


def _settings(path: str) -> list[tuple[str, ast.ClassDef]]:
    """The `Settings` class of a method and its bases, each with its module.

    Empty where it is written neither as a class nor as a name.
    """
    for location, node in _lineage(*path.rpartition(":")[::2]):
        for one in node.body:
            if isinstance(one, ast.ClassDef) and one.name == "Settings":
                return list(_with_bases(location, one))
        value = _value(node.body, "Settings")
        if isinstance(value, ast.Name):
            return list(_lineage(location, value.id))
    return []


def _is_field(node: ast.stmt) -> bool:
    """Whether a statement of a class gives a field of a dataclass its default."""
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.value is not None
        and "ClassVar" not in ast.unparse(node.annotation)
    )


def _literal(found: ast.expr, name: str, path: str) -> Any:
    try:
        return ast.literal_eval(found)
    except ValueError:
        raise SymbenchError(
            f"{name} of {path} is no literal; write numbers, text, tuples, lists and dicts alone."
        ) from None


def _lineage(location: str, wanted: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """The class of this name, as it is seen in a module, and then its bases, each with its module.

    A package that imports a class stands for the module where it is defined.
    """
    tree = _parsed(location)
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.ClassDef) and node.name == wanted:
            yield from _with_bases(location, node)
            return
        if isinstance(node, ast.ImportFrom) and not (node.level and location.endswith(".py")):
            for alias in node.names:
                if (alias.asname or alias.name) == wanted:
                    module = _absolute(node, location, _is_package(location))
                    yield from _lineage(module, alias.name)
                    return


def _with_bases(location: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    yield location, node
    for base in node.bases:
        if isinstance(base, ast.Name):
            yield from _lineage(location, base.id)


def _value(body: list[ast.stmt], name: str) -> ast.expr | None:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            return node.value
    return None


@cache
def _parsed(location: str) -> ast.Module | None:
    file = Path(location) if location.endswith(".py") else file_of(location)
    if file is None or not file.is_file():
        return None
    return _tree(file.read_bytes())


def _tree(content: bytes) -> ast.Module | None:
    """The syntax tree of a file in the encoding that it declares; None where it is no Python."""
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # an import says why, where it is not one of a file that only lies beside


def _is_package(location: str) -> bool:
    file = None if location.endswith(".py") else file_of(location)
    return file is not None and file.stem == "__init__"


def _absolute(node: ast.ImportFrom, module: str, package: bool) -> str:
    """The module from which a statement in `module` imports."""
    inside = f"{module}.__init__" if package else module
    parent = inside.rsplit(".", node.level)[0] + "." if node.level else ""
    return (parent + (node.module or "")).rstrip(".")


@cache
def source_hash(path: str) -> str:
    """A hash of the code that determines what the class or module at this path computes."""
    text = "\0".join(f"{name}\0{code}" for name, code in sorted(sources(path).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sources(path: str) -> dict[str, str]:
    """Code by module, without comments and docstrings, and without importing anything.

    path: as in `declared`. Covers its own file, what that imports from its own package or from the
    folder of the file, from `baselines` and from `methods`, the training loop and the judges. So a
    method of another package that builds on these runs anew after any edit of them: its behaviour
    may rest on anything there, and no version says so.
    """
    location = path.rpartition(":")[0] if ":" in path else path
    beside = Path(location).parent if location.endswith(".py") else None
    own = location.partition(".")[0] if beside is None else ""
    ours = {"baselines", "methods", own} - {"benchmarks"}
    waiting, seen = [location], dict[str, str]()
    while waiting:
        name = waiting.pop()
        file = Path(name) if name.endswith(".py") else _beside(beside, name) or file_of(name)
        if file is None or name in seen:
            continue
        content = file.read_bytes()
        tree = _tree(content)
        if tree is None:
            seen["" if name.endswith(".py") else name] = repr(content)
            continue
        seen["" if name.endswith(".py") else name] = ast.unparse(_without_docstrings(tree))
        # Relative imports count from the package, which for an `__init__.py` is the module itself.
        for imported in _imports(tree, f"{name}.{file.stem}" if file.stem == "__init__" else name):
            counted = any(imported == one or imported.startswith(f"{one}.") for one in COUNTED)
            mine = imported.partition(".")[0] in ours or _beside(beside, imported) is not None
            parts = imported.split(".")
            if mine:  # with the packages around it, whose code runs when it is imported
                waiting += [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
            elif counted:
                waiting.append(imported)
    return seen


def _beside(folder: Path | None, module: str) -> Path | None:
    """The file of a module that lies in the folder of a method's own file; None where none does."""
    return _module_in(folder, module.split(".")) if folder is not None else None


def _module_in(folder: str | Path, parts: list[str]) -> Path | None:
    files = (Path(folder, *parts).with_suffix(".py"), Path(folder, *parts, "__init__.py"))
    return next((file for file in files if file.is_file()), None)


def file_of(module: str) -> Path | None:
    """The file of a module, looked up without importing its parents, which may load torch."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or not rest:
        return Path(spec.origin) if spec and spec.origin else None
    found = (_module_in(folder, rest) for folder in spec.submodule_search_locations or ())
    return next((file for file in found if file is not None), None)


def imports(text: str, module: str) -> set[str]:
    """The dotted names of modules, and of names in them, that a source text imports."""
    return set(_imports(ast.parse(text), module))


def _imports(tree: ast.Module, module: str) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = module.rsplit(".", node.level)[0] + "." if node.level else ""
            base = (parent + (node.module or "")).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            constant = body[0].value
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return tree
