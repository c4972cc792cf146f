"""The routes of a console as requests: each rule with values in the place of its variables."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.routing.converters import (
    AnyConverter,
    BaseConverter,
    FloatConverter,
    NumberConverter,
    PathConverter,
    UnicodeConverter,
    UUIDConverter,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_LONGEST = 256


@dataclass(frozen=True)
class Route:
    """One rule of the URL map; ``base_url`` is None but for one of a subdomain or a host of its own."""

    rule: str
    endpoint: str
    path: str
    base_url: str | None
    methods: tuple[str, ...]


def routes_of(
    app: Flask, values: Mapping[str, Any], methods: Collection[str], skip: Collection[str]
) -> Iterator[Route]:
    """Give every route of the console's own, in the order of its rules.

    OPTIONS only where a view answers it: what Flask answers itself names methods and nothing else.
    """
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint.startswith("twofactor.") or rule.endpoint in skip or rule.build_only or rule.websocket:
            continue
        own = set(METHODS if rule.methods is None else rule.methods)
        if getattr(rule, "provide_automatic_options", False):
            own.discard("OPTIONS")
        base_url, path = _address(app, rule, values)
        wanted = tuple(method for method in METHODS if method in own and method in methods)
        yield Route(rule.rule, rule.endpoint, path, base_url, wanted)


def _address(app: Flask, rule: Rule, values: Mapping[str, Any]) -> tuple[str | None, str]:
    known = {name: values[name] for name in rule.arguments if name in values}
    guessed = {name: _value(rule, name, one) for name, one in rule._converters.items() if name not in known}
    built = rule.build({**(rule.defaults or {}), **guessed, **known}, append_unknown=False)
    if built is None:
        raise ValueError(f"no address can be built for {rule.rule!r} with {known!r}")
    domain, path = built
    if not domain:
        return None, path
    server = "" if app.url_map.host_matching else "." + (app.config["SERVER_NAME"] or "localhost")
    return f"{app.config['PREFERRED_URL_SCHEME']}://{domain}{server}", path


def _value(rule: Rule, name: str, converter: BaseConverter) -> Any:
    """Give a value of the converter's kind; a kind of the console's own needs one from the test."""
    if isinstance(converter, NumberConverter):
        least = 1 if converter.min is None else max(1, converter.min)
        return float(least) if isinstance(converter, FloatConverter) else least
    if isinstance(converter, UUIDConverter):
        return uuid.UUID(int=1)
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    if isinstance(converter, (UnicodeConverter, PathConverter)):
        for length in range(1, _LONGEST):
            if re.fullmatch(converter.regex, "a" * length):
                return "a" * length
    raise ValueError(f"give a value for <{name}> of {rule.rule!r}: values={{{name!r}: ...}}")
