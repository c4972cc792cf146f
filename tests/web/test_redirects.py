"""Where a log-in leads: to this site only, asserted on the Location really sent, read as a browser reads it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from flask import redirect
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from flask_twofactor.web.redirects import MAX_LENGTH, is_local_path
from flask_twofactor.web.session import NEXT_KEY
from tests.support.host import Host, Person, csrf_token

ORIGIN = "http://localhost"

HOSTILE = [
    "//e.test",
    "///e.test",
    "////e.test/",
    "//e.test/%2f..",
    "//localhost@e.test/",
    "//e.test:80\\@localhost/",
    "/\\e.test",
    "/\\/e.test",
    "\\\\e.test",
    "\\/e.test",
    "\\e.test",
    "/\te.test",
    "/\t/e.test",
    "\t//e.test",
    "\t/\t/e.test",
    " //e.test",
    "\n//e.test",
    "\r\n//e.test",
    "/\n/e.test",
    "/\r/e.test",
    "\x01//e.test",
    "\x00//e.test",
    "\x0b//e.test",
    "\x1f//e.test",
    "\x7f//e.test",
    "/\x00/e.test",
    "/ok\r\nSet-Cookie: planted=1",
    "/ok\r\n\r\n<script>",
    "http://e.test",
    "https://e.test/me",
    "HTTP://E.TEST",
    "http:e.test",
    "http:/e.test",
    "http:///e.test",
    "http:\\\\e.test",
    "https:e.test",
    "http://localhost/me",
    "http://localhost@e.test/",
    "http://localhost:pw@e.test/",
    "http://localhost.e.test/",
    "http://[",
    "http://[::1",
    "//[",
    "//[::1]/",
    "http://e.test\\@localhost/",
    "ftp://e.test",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "mailto:a@e.test",
    "e.test",
    "me",
    "./me",
    "../me",
    "?x=1",
    "#x",
    "",
    " ",
    "@e.test",
    ":80/",
    "／／e.test",
    "/／e.test/é",
    "/é",
    "/\u202ee.test",
    "\u3000//e.test",
    "/\u2028/e.test",
    "//e。test",
    "//ⓔ.test",
    "/x y",
    "/" + "x" * MAX_LENGTH,
]

FOLLOWED = [
    "/me",
    "/",
    "/me?x=1&y=2",
    "/me?url=http://e.test/",
    "/me?next=//e.test",
    "/me#top",
    "/a//b",
    "/:80/",
    "/@e.test",
    "/me;x=1",
    "/%2f%2fe.test",
    "/%5ce.test",
    "/%09/e.test",
    "/.//e.test",
    "/x/..//e.test",
    "/http://e.test",
    "/javascript:alert(1)",
    "/" + "x" * (MAX_LENGTH - 1),
]


def as_a_browser(location: str, base: str = ORIGIN + "/two-factor/credential") -> str:
    """Resolve a Location as WHATWG's URL parser does: blanks and tabs away, a backslash is a slash."""
    text = location.strip("".join(map(chr, range(0x21))))
    text = re.sub(r"[\t\n\r]", "", text)
    path, mark, rest = re.match(r"([^?#]*)([?#]?)(.*)", text, re.S).groups()  # type: ignore[union-attr]
    text = path.replace("\\", "/") + mark + rest
    if re.match(r"https?:(?!//)", text, re.I):
        text = re.sub(r":/*", "://", text, count=1)
    text = re.sub(r"^/{2,}", "//", text)
    return urljoin(base, text)


def stays(answer: TestResponse, target: str) -> bool:
    """Whether the answer is a redirect to this site whose Location carries nothing of the target."""
    assert answer.status_code in (302, 303), answer.status
    assert answer.location is not None
    assert "planted" not in answer.headers.get("Set-Cookie", "")
    where = urlsplit(as_a_browser(answer.location))
    assert (where.scheme, where.netloc) == ("http", "localhost")
    return answer.location != target


def log_in(person: Person, target: str) -> TestResponse:
    """Log ``bob`` in by the pages, with the target in every place that takes one."""
    query = "?next=" + quote(target, safe="")
    sent = person.post("/two-factor/identify" + query, identifier="bob")
    assert str(sent.location).partition("?")[0] == "/two-factor/credential"
    page = person.get(str(sent.location))
    fields = {"csrf_token": csrf_token(page), "password": "bob-password"}
    return person.client.post(str(sent.location), data=fields)


@pytest.mark.requirement("RED-01")
@pytest.mark.parametrize("target", HOSTILE, ids=ascii)
def test_a_hostile_next_is_dropped_silently_by_the_log_in(host: Host, target: str) -> None:
    person = host.person()
    answer = log_in(person, target)
    assert stays(answer, target) or target == "/"
    assert answer.location == "/"
    assert person.me == "bob"


@pytest.mark.requirement("RED-01")
@pytest.mark.parametrize("target", FOLLOWED, ids=[target[:40] for target in FOLLOWED])
def test_a_path_of_this_site_is_followed_by_the_log_in(host: Host, target: str) -> None:
    answer = log_in(host.person(), target)
    stays(answer, target)
    assert answer.location == target


@pytest.mark.requirement("RED-01")
def test_a_next_that_is_no_text_of_utf_8_is_dropped(host: Host) -> None:
    for raw in ("%ff", "/%ff%fe".replace("/", "%2F"), "%ED%A0%80", "/me&next=//e.test", "%00"):
        answer = host.person().get(f"/two-factor/identify?next={raw}")
        assert answer.status_code == 200
        assert "e.test" not in answer.text


HOSTILE_FEW = ["//e.test", "/\\e.test", "\t//e.test", "javascript:alert(1)", "http://[", "https://e.test/me"]


@pytest.mark.requirement("RED-01")
@pytest.mark.parametrize("target", HOSTILE_FEW, ids=ascii)
def test_a_hostile_next_is_dropped_by_the_challenge_and_by_step_up(enrolled: Host, target: str) -> None:
    query = "?next=" + quote(target, safe="")
    owing = enrolled.person()
    owing.legacy("alice")
    answer = owing.post("/two-factor/challenge" + query, code=enrolled.code("alice"))
    assert stays(answer, target)
    assert owing.me == "alice"
    assert stays(owing.post("/two-factor/password" + query, password="alice-password"), target)
    assert stays(owing.get("/two-factor/identify" + query), target)


@pytest.mark.requirement("RED-01")
def test_no_page_shows_a_hostile_next_anywhere(enrolled: Host) -> None:
    query = "?next=" + quote("https://e.test/me", safe="")
    person = enrolled.person()
    assert "e.test" not in person.get("/two-factor/identify" + query).text
    person.identify("alice")
    assert "e.test" not in person.get("/two-factor/credential" + query).text
    person.legacy("alice")
    assert "e.test" not in person.get("/two-factor/challenge" + query).text


# Tampering between the steps


@pytest.mark.requirement("RED-02")
@pytest.mark.parametrize("target", HOSTILE_FEW, ids=ascii)
def test_a_next_that_is_changed_between_the_pages_is_checked_again(host: Host, target: str) -> None:
    person = host.person()
    page = person.identify("bob", "/me")
    fields = {"csrf_token": csrf_token(page), "password": "bob-password", "next": target, "redirect": target}
    query = "?next=" + quote(target, safe="")
    answer = person.client.post("/two-factor/credential" + query, data=fields)
    assert stays(answer, target)
    assert answer.location == "/me"


@pytest.mark.requirement("RED-02")
@pytest.mark.parametrize("target", HOSTILE_FEW, ids=ascii)
def test_a_next_that_was_planted_in_the_session_is_checked_when_it_is_used(host: Host, target: str) -> None:
    person = host.person()
    person.identify("bob", "/me")
    with person.client.session_transaction() as session:
        session[NEXT_KEY] = target
    answer = person.credential("bob-password")
    assert stays(answer, target)
    assert answer.location == "/"


@pytest.mark.requirement("RED-02")
@pytest.mark.parametrize("value", [None, 1, True, ["/me"], {"a": "b"}])
def test_a_next_in_the_session_that_is_no_text_is_dropped(host: Host, value: Any) -> None:
    person = host.person()
    person.identify("bob", "/me")
    with person.client.session_transaction() as session:
        session[NEXT_KEY] = value
    assert person.credential("bob-password").location == "/"


@pytest.mark.requirement("RED-02")
@pytest.mark.parametrize(("length", "kept"), [(MAX_LENGTH, True), (MAX_LENGTH + 1, False), (8192, False)])
def test_a_next_is_limited_to_2048_characters(host: Host, length: int, kept: bool) -> None:
    target = "/" + "x" * (length - 1)
    assert MAX_LENGTH == 2048
    assert (log_in(host.person(), target).location == target) is kept


# Loops


@pytest.mark.requirement("RED-03")
@pytest.mark.parametrize(
    "target",
    [
        "/two-factor/identify",
        "/two-factor/identify?next=/two-factor/identify",
        "/two-factor/credential",
        "/two-factor/challenge",
        "/two-factor/password",
        "/two%2dfactor/identify",
        "/two-factor/%69dentify",
        "/two-factor//identify",
        "/two-factor/./identify",
        "/two-factor/x/../identify",
        "/two-factor/x/%2e%2e/identify",
        "/two-factor/x/.%2E/identify",
        "/logout",
        "/logout?x=1",
        "/logout#x",
        "/%6cogout",
        "/x/../logout",
        "/x/%2e%2e/logout",
        "/./logout",
        "/leave",
        "/leave/",
        "/sign-out",
    ],
)
def test_a_next_never_leads_back_into_the_log_in_or_to_a_log_out(host: Host, target: str) -> None:
    host.app.add_url_rule("/leave/", "auth_log_out", lambda: "left")
    host.app.add_url_rule("/sign-out", "auth.sign_out".replace(".", "_"), lambda: "left")
    assert log_in(host.person(), target).location == "/"


@pytest.mark.requirement("RED-03")
def test_a_next_to_the_log_in_that_we_took_over_is_dropped(make_app: Callable[..., Host]) -> None:
    host = make_app(login_endpoint="sign_in")
    host.app.add_url_rule("/enter", "sign_in", lambda: "the host's own", methods=["GET", "POST"])
    assert log_in(host.person(), "/enter").location == "/"


@pytest.mark.requirement("RED-03")
@pytest.mark.parametrize("target", ["/two-factor/settings", "/two-factor/setup", "/two-factor/manage", "/logouts"])
def test_the_pages_of_the_settings_may_be_a_next(host: Host, target: str) -> None:
    assert log_in(host.person(), target).location == target


@pytest.mark.requirement("RED-03")
def test_a_next_back_into_the_log_in_is_dropped_where_the_app_is_mounted_below_a_path(host: Host) -> None:
    person = host.person()
    page = person.client.get("/two-factor/identify?next=/app/logout", base_url="http://localhost/app/")
    assert "next=" not in page.text
    page = person.client.get("/two-factor/identify?next=/app/me", base_url="http://localhost/app/")
    assert "next=/app/me" in unescape(page.text)


# Across the pages


@pytest.mark.requirement("RED-04")
def test_next_survives_both_pages_a_failure_and_the_way_back(host: Host) -> None:
    person = host.person()
    sent = person.post("/two-factor/identify?next=/me?x%3D1", identifier="bob")
    page = person.get(str(sent.location))
    failed = person.client.post(str(sent.location), data={"csrf_token": csrf_token(page), "password": "wrong"})
    assert failed.status_code == 200
    restart = re.search(r'id="tf-restart" href="([^"]+)"', failed.text)
    assert restart is not None
    assert unescape(restart.group(1)) == "/two-factor/identify?next=/me?x%3D1"
    assert person.credential("bob-password").location == "/me?x=1"


@pytest.mark.requirement("RED-04")
def test_no_page_with_a_next_tells_it_or_links_to_another_site(enrolled: Host) -> None:
    person = enrolled.person()
    pages = [person.get("/two-factor/identify?next=/me"), person.identify("alice", "/me")]
    person.legacy("alice")
    pages.append(person.get("/two-factor/challenge?next=/me"))
    for page in pages:
        assert page.headers["Referrer-Policy"] == "same-origin"
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', page.text):
            assert urlsplit(urljoin(ORIGIN, unescape(link))).netloc == "localhost"


@pytest.mark.requirement("RED-04")
def test_a_redirect_with_a_next_carries_no_name_code_or_token(enrolled: Host) -> None:
    person = enrolled.person()
    sent = person.post("/two-factor/identify?next=/" + "x" * 300, identifier="alice")
    assert str(sent.location) == "/two-factor/credential?next=/" + "x" * 300


def test_an_owed_code_leads_back_to_where_a_get_was_going_and_after_a_post_to_a_page_that_is_there(
    enrolled: Host,
) -> None:
    @enrolled.app.post("/sent")
    @enrolled.app.route("/form", methods=["GET", "POST"])
    def form() -> Any:
        return enrolled.app.login_manager.unauthorized()  # type: ignore[attr-defined]

    person = enrolled.person()
    person.legacy("alice")
    sent = urlsplit(str(person.get("/form?x=é&y=/z").location))
    assert (sent.path, parse_qs(sent.query)) == ("/two-factor/challenge", {"next": ["/form?x=%C3%A9&y=/z"]})
    for path, back in (("/form", {"next": ["/form"]}), ("/sent", {})):  # told that it was not done, by `resend`
        sent = urlsplit(str(person.client.post(path).location))
        assert (sent.path, parse_qs(sent.query)) == ("/two-factor/challenge", {**back, "resend": ["1"]})


# Whatever is accepted stays


printable = st.text(alphabet=string.printable + "\\/@:#?[]%\x00\x7fé／。\u2028", max_size=40)
pathlike = st.builds(
    lambda start, rest: start + rest, st.sampled_from(["/", "//", "/\\", "/.", "/%", "/@", ""]), printable
)


@pytest.mark.requirement("RED-01")
@given(printable | pathlike | st.text(max_size=60))
@example("/.//e.test")
@example("/x/..//e.test")
@example("/..//e.test")
@example("/.\\e.test")
@example("/%09/e.test")
def test_whatever_is_local_path_accepts_stays_on_the_host_as_sent_and_as_read(target: str) -> None:
    if not is_local_path(target):
        return
    sent = str(redirect(target).headers["Location"])
    answer = dict(redirect(target).get_wsgi_headers({"wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}))
    for location in (target, sent, answer["Location"]):
        where = urlsplit(as_a_browser(location))
        assert (where.scheme, where.netloc) == ("http", "localhost")


@pytest.mark.requirement("RED-01")
@given(st.text(alphabet=string.ascii_letters + string.digits + "-._~/?&=%:@", max_size=200))
def test_every_plain_path_is_accepted(rest: str) -> None:
    assert is_local_path("/a" + rest)


def test_the_browser_of_these_tests_knows_a_hostile_location_when_it_sees_one() -> None:
    for location in ("//e.test", "/\\e.test", "\t//e.test", "/\t/e.test", "///e.test", "http:e.test", "\\\\e.test"):
        assert urlsplit(as_a_browser(location)).netloc == "e.test", location


def test_no_other_module_of_the_package_reads_next_unchecked() -> None:
    package = Path(is_local_path.__code__.co_filename).parent.parent
    reads = [
        line.strip()
        for file in package.rglob("*.py")
        for line in file.read_text().splitlines()
        if 'get("next")' in line
    ]
    assert reads
    assert all("safe_next(" in line for line in reads)
