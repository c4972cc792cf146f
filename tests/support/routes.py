"""Routes are compiled once a process, not once an app: most tests make an app of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


def compile_routes_once() -> None:
    """Let rules of one pattern and the same defaults share the function that builds their URL."""
    compile_builder: Callable[[Rule, bool], Builder] = Rule._compile_builder
    kept: dict[Any, Builder] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Builder:
        # All that the function is made of; it reads the converters from the rule that it is bound to.
        defaults = tuple(sorted((rule.defaults or {}).items()))
        pattern = rule.rule, tuple(rule._trace), defaults, append_unknown
        if pattern not in kept:
            kept[pattern] = compile_builder(rule, append_unknown)
        return kept[pattern]

    Rule._compile_builder = compile_once  # type: ignore[method-assign, assignment]
