"""Read the host's functions by the names that their code mentions; none is called."""

from __future__ import annotations

import contextlib
import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from flask import Flask

_OWN_KEYS = {"user_id", "user", "username", "logged_in", "uid", "account_id"}
"""Keys under which consoles without a login manager keep who is logged in."""
_DEEP = 3
"""Calls that are followed from a view into other functions of its package."""


def name_of(function: Any) -> str:
    """Give the name of a function, of the class of what has none."""
    return str(getattr(function, "__name__", type(function).__name__))


def functions_around(app: Flask) -> list[Callable[..., Any]]:
    """Give what the host runs before and after requests."""
    around: list[list[Any]] = [*app.before_request_funcs.values(), *app.after_request_funcs.values()]
    return [one for functions in around for one in functions if not module_of(one).startswith("flask_twofactor")]


def module_of(function: Any) -> str:
    """Give the name of a function's module, "" where it has none."""
    return str(getattr(getattr(function, "func", function), "__module__", None) or "")


def modules_of(functions: list[Callable[..., Any]]) -> str:
    """Give the modules of functions and of what they wrap, as one text."""
    seen: list[str] = []
    for one in functions:
        seen += [module_of(one), str(getattr(getattr(one, "__code__", None), "co_filename", ""))]
    return " ".join(seen)


def names_in(function: Any) -> set[str]:
    """Give every name that a function's code mentions, the functions inside it too."""
    code = getattr(function, "__code__", None)
    return set() if code is None else set(_of_codes(code))


def names_within(view: Any) -> set[str]:
    """Give the names that a view mentions, and the functions of its own package that it calls."""
    found: set[str] = set()
    known: set[Any] = set()
    layer = _parts(view)
    for _ in range(_DEEP):
        known.update(layer)
        found.update(*(names_in(one) for one in layer))
        layer = [called for one in layer for called in _called_by(one) if called not in known]
    return found


def writes_who(function: Any) -> bool:
    """Tell whether a view stores into something under a key that names who is logged in."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    keys: list[Any] = []
    for step in dis.get_instructions(code):
        if step.opname == "STORE_SUBSCR" and keys and keys[-1] in _OWN_KEYS:
            return True
        if step.opname == "LOAD_CONST":
            keys.append(step.argval)
    return False


def _parts(view: Any) -> list[FunctionType]:
    """Give the function of a view; of one that is made of a class, the methods of that class."""
    kind = getattr(view, "view_class", None)
    return _functions(vars(kind).values() if kind is not None else [view])


def _functions(values: Iterable[Any]) -> list[FunctionType]:
    """Give the functions among values, unwrapped; by their type, since to ask a proxy for anything calls the host."""
    unwrapped = (inspect.unwrap(one) for one in values if type(one) is FunctionType)
    return [one for one in unwrapped if type(one) is FunctionType]


def _called_by(function: FunctionType) -> Iterator[FunctionType]:
    home = module_of(function).partition(".")[0]
    values = _values(function)
    for one in _functions(values[name] for name in names_in(function) if name in values):
        if module_of(one).partition(".")[0] == home:
            yield one


def _values(function: FunctionType) -> dict[str, Any]:
    """Give what the names of a function stand for, in its module and in the functions around it."""
    values = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with contextlib.suppress(ValueError):  # nothing was put into it yet
            values[name] = cell.cell_contents
    return values


def _of_codes(code: CodeType) -> Iterator[str]:
    yield from code.co_names + code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_codes(constant)
