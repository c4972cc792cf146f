"""What a browser calls itself, in words that a person knows: "Firefox on Windows".

Nothing is decided by it: anybody can send any name. It helps the owner of an account to tell browsers apart.
"""

from __future__ import annotations

from .texts import Language, marked

UNKNOWN = marked("Unknown browser")
_BROWSERS = (
    ("Edg", "Edge"),  # Edg/, EdgA/, EdgiOS/, Edge/
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
)
"""What tells a browser, and its name; in this order, since each calls itself by the names of later ones too."""
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),  # Safari on an iPad says that it is one
    ("Linux", "Linux"),
)
_OF_APPLE = ("iPhone", "iPad", "Mac")
"""Where ``Safari/`` means Safari: elsewhere it is said out of habit."""


def family(agent: str, language: Language) -> str:
    """Give the browser and what it runs on, as far as ``agent`` (a User-Agent header) tells."""
    system = _first(_SYSTEMS, agent)
    browser = _first(_BROWSERS, agent) or ("Safari" if "Safari/" in agent and system in _OF_APPLE else UNKNOWN)
    name = language.gettext(browser)
    return language.gettext("%(browser)s on %(system)s", browser=name, system=system) if system else name


def _first(names: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for token, name in names if token in agent), "")
