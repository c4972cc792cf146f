"""The forms of our pages, each with somebody who may send it and everything that is right in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from werkzeug.test import TestResponse

from tests.support.host import Host, csrf_token
from tests.support.spares import added, code_of, id_of, opened
from tests.support.watching import rows

FORM = "application/x-www-form-urlencoded"
PATHS = {
    "add_authenticator": "authenticators/add",
    "new_authenticator": "authenticators/new",
    "remove_authenticator": "authenticators/remove",
    "forget_browser": "browsers/forget",
    "log_out": "log-out",
}
POST_ONLY = ("forget_browser", "log_out")
WITH_FIELDS = (
    "identify", "credential", "challenge", "setup", "manage", "password",
    "recovery", "add_authenticator", "new_authenticator", "remove_authenticator",
)  # fmt: skip
"""Pages whose form has to be filled in."""
PAGES = (*WITH_FIELDS, "sessions", "forget_browser", "log_out", "unlock")
TAKES = {"authenticator", "browser", "name", "identifier"}
"""Fields that name something: any text is one."""


class Place:
    """A form of ours, somebody who may send it, and what is right in each field; needs ``alice`` to be enrolled."""

    def __init__(self, host: Host, page: str) -> None:
        self.host = host
        self.path = f"/two-factor/{PATHS.get(page, page)}"
        self.query = ""
        self.person = host.person()
        self.right: dict[str, str] = {}
        getattr(self, f"_to_{page}")()
        shown = "/two-factor/sessions" if page in POST_ONLY else self.path + self.query
        self.token = csrf_token(self.person.get(shown))
        self.post_only = page in POST_ONLY
        self._me, self._before = self.person.me, self.snapshot()

    def _to_identify(self) -> None:
        self.right = {"identifier": "alice"}

    def _to_credential(self) -> None:
        self.person.identify("alice")
        self.right = {"password": "alice-password", "code": self.host.code("alice")}

    def _to_challenge(self) -> None:
        self.person.legacy("alice")
        self.right = {"code": self.host.code("alice")}

    def _to_setup(self) -> None:
        self.person.log_in("bob")
        self.person.begin_setup()
        self.host.secrets["bob"] = self.person.secret
        self.right = {"code": self.host.code("bob")}

    def _enter(self, **fields: str) -> None:
        self.person.log_in("alice", **fields)
        self.host.clock.move(30)

    def _to_manage(self) -> None:
        self._enter()
        self.right = {"code": self.host.code("alice")}

    _to_recovery = _to_manage

    def _to_password(self) -> None:
        self.person.log_in("bob")
        self.right = {"password": "bob-password"}

    def _to_add_authenticator(self) -> None:
        self._enter()
        self.right = {"name": "Tablet", "code": self.host.code("alice")}

    def _to_new_authenticator(self) -> None:
        self._enter()
        self.host.secrets["new"] = opened(self.person)
        self.right = {"code": code_of(self.host, self.host.secrets["new"])}

    def _to_remove_authenticator(self) -> None:
        self._enter()
        added(self.person)
        spare = id_of(self.host, "Tablet")
        self.query = f"?authenticator={spare}"
        self.right = {"authenticator": spare, "code": self.host.code("alice")}

    def _to_sessions(self) -> None:
        self._enter(trust="y")

    def _to_forget_browser(self) -> None:
        self._enter(trust="y")
        trusted = [row["id"] for row in rows(self.host, "twofactor_trusted")]
        self.right = {"browser": trusted[0]} if trusted else {}

    def _to_log_out(self) -> None:
        self.person.log_in("bob")

    def _to_unlock(self) -> None:
        with self.host.app.test_request_context():
            path = self.host.two_factor.unlock_path(self.host.users["alice"])
        self.query = "?" + path.partition("?")[2]

    def send(self, *more: tuple[str, str], **options: Any) -> TestResponse:
        """Post everything right, and what the test adds."""
        pairs = [("csrf_token", self.token), *self.right.items(), *more]
        body = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
        return self.raw(body.encode(), **options)

    def raw(self, body: bytes, **options: Any) -> TestResponse:
        path, content_type = self.path + self.query, options.pop("content_type", FORM)
        return self.person.client.post(path, data=body, content_type=content_type, **options)

    def snapshot(self) -> dict[str, list[Any]]:
        """Give what of the rows no form that is refused may change."""
        kept = {
            "enrolment": ("id", "subject", "confirmed_at", "last_step"),
            "recovery": ("subject", "digest"),
            "trusted": ("id", "digest"),
            "mark": ("digest",),
        }
        found = {table: rows(self.host, f"twofactor_{table}") for table in kept}
        return {table: [[row[name] for name in names] for row in found[table]] for table, names in kept.items()}

    def nothing_changed(self) -> bool:
        """Whether nobody came in or went out by this form, and every account has what it had."""
        return self.snapshot() == self._before and self.person.me == self._me


def person_at(page: str) -> str | None:
    """Tell who is logged in on a page that only such a person sees, None for the others."""
    if page in ("identify", "credential", "challenge", "unlock"):
        return None
    return "bob" if page in ("setup", "password", "log_out") else "alice"
