"""The product's own source files, for contracts that read code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "app", "views", "jobs", "public_site")
SINGLE = ("config.py", "config_checks.py", "config_inbound.py", "run.py", "wsgi.py")


@cache
def product() -> tuple[str, ...]:
    """Paths of the product's modules, from the root; no tests, no benchmarks."""
    found = [str(path.relative_to(ROOT)) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(found) + tuple(name for name in SINGLE if (ROOT / name).exists())


@cache
def everything() -> tuple[str, ...]:
    """All Python files of the project."""
    more = ("tests", "benchmarks", "migrations")
    found = [str(path.relative_to(ROOT)) for folder in more for path in sorted((ROOT / folder).rglob("*.py"))]
    return product() + tuple(found)


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), path)


def constants(module: ast.Module) -> dict[str, str]:
    """Names that a module binds to a text at its top."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.update({target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)})
    return found
