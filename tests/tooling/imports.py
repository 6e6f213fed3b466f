"""What a module imports, read from its source: by itself and, through the project's modules, in the end.

The import contracts of pyproject.toml cannot see the standard library; the tests beside this file can.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("acd_core", "gateways", "agent_web", "persistence", "loadtest", "santral")


def module_file(module: str) -> Path | None:
    """The file of a module of the project; None for anything else."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def modules_below(package: str) -> list[str]:
    """The package and all in it; a module alone is itself."""
    folder = ROOT.joinpath(*package.split("."))
    if not folder.is_dir():
        return [package] if module_file(package) else []
    names = []
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def imports_of(module: str) -> set[str]:
    """All modules that the source names in an import, wherever it stands; not those for type checks alone."""
    file = module_file(module)
    assert file is not None, module
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return set(_imported(ast.parse(file.read_text(encoding="utf-8")).body, package))


def _imported(body: Iterable[ast.AST], package: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            # "from acd_core import domain" names a module too; a name that is none finds no file.
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _imported(node.orelse, package)
        else:
            yield from _imported(ast.iter_child_nodes(node), package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def reach(package: str) -> dict[str, str]:
    """All that the modules below a package import, directly or through the project, with an importer."""
    seen: dict[str, str] = {}
    waiting = [*modules_below(package), *_parents(package)]
    done: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in done:
            continue
        done.add(module)
        for name in sorted(imports_of(module)):
            seen.setdefault(name, module)
            if module_file(name) is not None:
                waiting.extend([name, *_parents(name)])
    return seen


def _parents(module: str) -> list[str]:
    """Importing a.b.c runs a and a.b first."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
