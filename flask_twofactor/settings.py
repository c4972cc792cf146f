"""Each ``TWOFACTOR_*`` key: its type, default, check and help, in one place.

`Settings.from_config` is the only reader of ``app.config`` for them; ``docs/reference/settings.md`` is
generated from the fields below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from .core.decoy import RATIO
from .errors import SettingError

PREFIX = "TWOFACTOR_"
MIN_KEY_BYTES = 32
TEMPLATE_SETS = ("default", "bootstrap5")


def _setting(default: Any, help_text: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"help": help_text})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one app, read once when the extension is attached."""

    url_prefix: str = _setting("/two-factor", "Where the pages live.")
    issuer: str | None = _setting(None, "The name that the authenticator app shows; the app's name where absent.")
    database_uri: str | None = _setting(
        None,
        "Any SQLAlchemy URL, or `flask-sqlalchemy` for the engine of that extension; "
        "where absent, `twofactor.sqlite` in the instance folder.",
        secret=True,  # it may hold a password, as the next one may
    )
    throttle_storage_uri: str | None = _setting(
        None,
        "Any `limits` storage URI, for instance `redis://...`; where absent, the extension's own database.",
        secret=True,
    )
    key: str | bytes | None = _setting(
        None,
        "Seals secrets: at least 32 random characters. Derived from `SECRET_KEY` where absent.",
        secret=True,
    )
    key_fallbacks: Sequence[str | bytes] = _setting((), "Former keys; they only open.", secret=True)
    window: int = _setting(1, "Steps accepted either side of the present one: 1, or 0 for servers with exact clocks.")
    step: str = _setting(
        "session",
        "Where the step between user ID and password is kept: `session`, or `form` for consoles that clear the "
        "sessions of anonymous visitors; the CSRF token is bound to a cookie of its own then.",
    )
    decoy_ratio: float = _setting(RATIO, "Share of names without an account that are shown a code box, 0.05 to 0.5.")
    prompt: str = _setting(
        "adaptive",
        "`adaptive`: a code box for those who have the factor, and for a share of names without an account; "
        "`uniform`: the same page, with an optional code box, for everybody.",
    )
    alarm: int = _setting(50, "Wrong codes after a right password, of all accounts, in an hour that raise the alarm.")
    event_days: int = _setting(365, "How long the events stay that are kept in the store, in days.")
    base_template: str = _setting("twofactor/base.html", "The layout that every page extends.")
    content_block: str = _setting(
        "content", "The block of that layout which our pages fill; `body` and `page_content` are common too."
    )
    template_set: str = _setting(
        "default",
        "`default`, or `bootstrap5` for a console on Bootstrap 5.3: what our pages are dressed in.",
    )
    bootstrap_css: str | None = _setting(
        None,
        "Where the console serves its own Bootstrap (`/static/bootstrap.min.css`), for pages outside of its layout.",
    )
    settings_endpoint: str = _setting(
        "twofactor.settings",
        "Where a person lands after enabling or disabling: the page with `twofactor_panel()`.",
    )
    after_login: str | None = _setting(None, "URL after a log-in without `next`; the app's root where absent.")
    pending_seconds: int = _setting(600, "How long the step between user ID and password, or an owed code, lives.")
    setup_seconds: int = _setting(600, "How long a key that is being set up lives; at most 600.")
    password_seconds: int = _setting(900, "How old the last password check may be for SETUP and DISABLE.")
    session_seconds: int = _setting(86400, "Longest life of a log-in with the factor, 24 hours (SES-08).")
    idle_seconds: int = _setting(0, "Longest pause of a log-in with the factor; 0 for no limit of its own (SES-08).")
    trusted_browsers: bool = _setting(
        False, "`True` offers a box on the pages that ask for a code: do not ask on this browser for a while (TRB-01)."
    )
    trusted_seconds: int = _setting(30 * 86400, "How long that lasts; at most 30 days.")
    grace_seconds: int = _setting(
        0, "How long somebody for whom the factor is mandatory may go without, from the first log-in under the rule on."
    )
    rescue_seconds: int = _setting(3600, "How long a rescue code lives; at most 24 hours.")
    script: bool = _setting(
        True,
        "`False` leaves the one small script of our pages out, which they all work without: see `how-to/script.md`.",
    )
    session_keep: Sequence[str] = _setting((), "Session keys of the host that survive log-in, enabling and disabling.")

    def __post_init__(self) -> None:
        """Refuse what could not work; the message names the key."""
        self._check_types()
        self._require(self.url_prefix.startswith("/"), "url_prefix", "must begin with a slash")
        self._require(len(self.url_prefix) > 1, "url_prefix", "must not be the root of the app")
        self._require(self.issuer is None or self.issuer.strip() != "", "issuer", "must not be blank")
        self._require(self.window in (0, 1), "window", "must be 0 or 1 (RFC 6238 §5.2, VER-03)")
        self._require(0.05 <= self.decoy_ratio <= 0.5, "decoy_ratio", "must lie between 0.05 and 0.5")
        self._require(self.step in ("session", "form"), "step", 'must be "session" or "form"')
        self._require(self.prompt in ("adaptive", "uniform"), "prompt", 'must be "adaptive" or "uniform"')
        self._require(self.content_block.isidentifier(), "content_block", "must be the name of a block")
        self._check_template_set()
        self._require(self.alarm >= 1, "alarm", "must be at least 1")
        self._require(self.event_days >= 1, "event_days", "must be at least 1")
        self._require(60 <= self.setup_seconds <= 600, "setup_seconds", "must lie between 60 and 600 (ENR-04)")
        self._require(60 <= self.pending_seconds <= 600, "pending_seconds", "must lie between 60 and 600 (SES-06)")
        self._require(60 <= self.password_seconds <= 900, "password_seconds", "must lie between 60 and 900 (ENR-05)")
        self._require(self.session_seconds >= 300, "session_seconds", "must be at least 300")
        self._require(
            3600 <= self.trusted_seconds <= 30 * 86400, "trusted_seconds", "must be an hour to 30 days (TRB-01)"
        )
        self._require(self.grace_seconds >= 0, "grace_seconds", "must be 0 or more")
        self._require(300 <= self.rescue_seconds <= 86400, "rescue_seconds", "must be five minutes to 24 hours")
        self._require(self.idle_seconds == 0 or self.idle_seconds >= 60, "idle_seconds", "must be 0 or at least 60")
        if self.key is not None:
            self._require(len(as_bytes(self.key)) >= MIN_KEY_BYTES, "key", "must have at least 32 bytes (KEY-05)")
        for key in self.key_fallbacks:
            # Of any length: a short SECRET_KEY of former days must still open what it sealed.
            right = isinstance(key, (str, bytes)) and len(key) > 0
            self._require(right, "key_fallbacks", "must hold text or bytes, none of them empty")

    def _check_template_set(self) -> None:
        self._require(self.template_set in TEMPLATE_SETS, "template_set", 'must be "default" or "bootstrap5"')
        if self.bootstrap_css is not None:
            self._require(
                self.template_set == "bootstrap5", "bootstrap_css", 'needs TWOFACTOR_TEMPLATE_SET = "bootstrap5"'
            )
            own = _is_path(self.bootstrap_css)
            self._require(own, "bootstrap_css", "must be a path of this site, /static/...: no other origin (HDR-03)")

    def _check_types(self) -> None:
        kinds: dict[str, type | tuple[type, ...]] = {
            "url_prefix": str, "issuer": (str, type(None)), "database_uri": (str, type(None)),
            "throttle_storage_uri": (str, type(None)), "key": (str, bytes, type(None)), "key_fallbacks": (list, tuple),
            "window": int, "decoy_ratio": (int, float), "base_template": str, "content_block": str,
            "settings_endpoint": str, "template_set": str, "bootstrap_css": (str, type(None)),
            "trusted_browsers": bool, "script": bool,
            "after_login": (str, type(None)), "prompt": str, "step": str, "session_keep": (list, tuple, set, frozenset),
        }  # fmt: skip
        for item in fields(self):
            kind = kinds.get(item.name, int)
            value = getattr(self, item.name)
            right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
            names = [kind] if isinstance(kind, type) else list(kind)
            wanted = " or ".join("None" if one is type(None) else one.__name__ for one in names)
            self._require(right, item.name, f"must be {wanted}, not {type(value).__name__}")

    @staticmethod
    def _require(right: bool, name: str, problem: str) -> None:
        if not right:
            raise SettingError(f"{PREFIX}{name.upper()} {problem}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read every ``TWOFACTOR_*`` key of ``config``; an unknown one is an error that lists the near ones."""
        known = {PREFIX + item.name.upper(): item.name for item in fields(cls)}
        given = {key: value for key, value in config.items() if key.startswith(PREFIX)}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise SettingError(f"unknown setting {', '.join(unknown)}; known are: {', '.join(sorted(known))}")
        return cls(**{known[key]: value for key, value in given.items()})


def _is_path(url: str) -> bool:
    """Tell whether a browser takes ``url`` for a path of the page's own origin: not ``//host``, nor ``/\\host``."""
    return url.startswith("/") and not url.startswith("//") and "\\" not in url and url.isprintable()


def as_bytes(key: str | bytes) -> bytes:
    """Give key material as bytes, text as UTF-8."""
    return key.encode() if isinstance(key, str) else key
