"""Functions of the user's that a suite names: imported when the check that names them runs."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.suite.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Callable


def named_function(name: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names.

    Raises ``ArgumentError`` for a module that cannot be imported, a name that it does not hold,
    and for what cannot be called; each says what was looked for.

    >>> named_function("math:sqrt")(9)
    3.0
    """
    module, _, function = name.partition(":")
    found: object = reduce(
        lambda inside, part: _part(inside, part, name), function.split("."), _imported(module)
    )
    if not callable(found):
        raise ArgumentError(f"{name} is {found!r:.80}, which cannot be called; name a function")
    return found


def _imported(module: str) -> object:
    try:
        return import_module(module)
    except Exception as error:
        raise ArgumentError(_why_not(module, error)) from error


def _why_not(module: str, error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing in _packages(module):
        return (
            f"no module {missing!r} was found, looking for {module}; its folder must be on "
            "sys.path: name it in pytest's setting pythonpath"
        )
    return f"importing {module} raised {type(error).__name__}: {error}; mend that module"


def _packages(module: str) -> list[str]:
    """Return a module and the packages around it: ``a.b`` and ``a``."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _part(inside: object, part: str, name: str) -> object:
    if not hasattr(inside, part):
        near = nearest(part, [one for one in dir(inside) if not one.startswith("_")])
        guess = f"; did you mean {near!r}?" if near else ""
        raise ArgumentError(f"there is no {part!r} in it, looking for {name}{guess}")
    found: object = getattr(inside, part)
    return found
