"""The examples of the docstrings and of the README are run."""

from __future__ import annotations

import doctest
import importlib
import linecache
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

import ormai
import pytest

README = Path(__file__).parents[1] / "README.md"
OPTIONAL = ("integrations", "pytest_plugin")


def modules() -> list[str]:
    """The modules of the package, those of optional dependencies aside."""
    found = pkgutil.walk_packages(ormai.__path__, "ormai.", onerror=lambda _: None)
    names = [module.name for module in found if not any(part in module.name for part in OPTIONAL)]
    return [name for name in names if name != "ormai._ormai"]


def imported(name: str) -> ModuleType:
    """A module; what needs a driver that is not installed is left out."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ormai"):
            raise
        pytest.skip(f"{error.name} is not installed")


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_come_out_as_they_say(name: str) -> None:
    module = imported(name)
    # Sources that SQLAlchemy makes for classes go from it when those are collected, and should that be while it is walked
    # through, it stumbles.
    linecache.clearcache()
    ran = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS)
    assert ran.failed == 0


def test_the_examples_are_found() -> None:
    finder = doctest.DocTestFinder()
    for name, least in [("ormai.policy", 6), ("ormai.core", 2), ("ormai.core.errors", 1)]:
        assert sum(bool(test.examples) for test in finder.find(imported(name))) >= least, name


def test_every_public_name_says_what_it_is() -> None:
    silent = []
    for name in modules():
        if any(part.startswith("_") for part in name.split(".")):
            continue
        module = imported(name)
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            if callable(value) and not (value.__doc__ or "").strip():
                silent.append(f"{name}.{public}")
    assert silent == []


def readme_examples() -> list[str]:
    """The Python of the README, in its order."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def test_the_readme_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    # SQLAlchemy looks the names of annotations up in their module.
    page = ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", page)
    examples = readme_examples()
    assert examples
    for number, example in enumerate(examples, 1):
        exec(compile(example, f"README.md, example {number}", "exec", dont_inherit=True), page.__dict__)
