"""Requests that no browser sends: bytes of every kind in every field, cookie and header of every page of ours.

Whatever is sent: an answer below 500, nobody logged in who was not, no factor that comes or goes, no code spent.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from flask_twofactor import TwoFactor
from tests.support.host import Clock, Host, User, make_host
from tests.support.places import FORM, WITH_FIELDS, Place, person_at
from tests.support.watching import database_of, rows

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Werkzeug's, of cut files

Pairs = list[tuple[bytes, bytes]]
PAGES = (*WITH_FIELDS, "forget_browser")
ANSWERS = {200, 302, 303, 400, 403, 404, 405, 413, 415, 429}
BOUNDARY = b"a-boundary"

NASTY = (
    *(b"", b" ", b"\0", b"a\0b", b"\r\n", b"\n", b"\t", b"\x7f", b"\x1b[31m", b"\x85", b"%", b"%%", b"%zz", b"%00"),
    *(b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xc0\xaf", b"\xc3\x28", b"\xe2\x82", b"\xf0\x9f", b"\xed\xa0\x80"),
    *(b"\xed\xb0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xef\xbf\xbe", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf123456"),
    *("\u202e".encode(), "\u0344\u0301".encode() * 40, "\ufdfa".encode() * 60, "١٢٣٤٥٦".encode(), "①②③④⑤⑥".encode()),
    *("²²²²²²".encode(), "ﬁ".encode(), "İ".encode(), "ß".encode(), "\U000e0001".encode(), "𝟘𝟙𝟚𝟛𝟜𝟝".encode()),
    *(b"null", b"true", b"NaN", b"-1", b"1e6", b"0x10", b"[]", b"{}", b'{"$ne":""}', b"' OR 1=1 --", b"{{7*7}}"),
    *(b"%(password)s", b"{0.__class__}", b"../../etc/passwd", b"<script>", b"1;2", b"1&2", b"a=b", b"=", b"&&&", b";"),
    *(b"A" * 64, b"A" * 65, b"A" * 320, b"A" * 321, b"9" * 1024, b"9" * 1025, b"9" * 5000, b"0" * 14000, b"\0" * 5000),
)
HEADERS = (
    *(
        ("CONTENT_LENGTH", text)
        for text in ("", "-1", "abc", "0", "1", "99", "16385", "9" * 40, "+5", "5 ", "1.0", "\xb2", "0x10")
    ),
    *(
        ("CONTENT_TYPE", text)
        for text in (
            *(
                "",
                "x",
                "/",
                ";",
                "text/plain",
                "application/json",
                "application/json; charset=utf-16",
                "multipart/mixed",
            ),
            *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xff"),
            *(
                "multipart/form-data; boundary=" + "b" * 300,
                'multipart/form-data; boundary="',
                FORM + "; charset=utf-7",
            ),
            *(
                FORM + "; charset=\xff",
                FORM + "; charset=nonsense",
                FORM.upper(),
                FORM + ",text/plain",
                "\0",
                "a/b" * 2000,
            ),
        )
    ),
    *(
        ("HTTP_COOKIE", text)
        for text in (
            "",
            "=",
            ";",
            ";;;=;",
            "session",
            "session=",
            "session=;session=",
            "\xff=\xff",
            "\0",
            "a" * 9000,
            '"',
            "session=\x00",
        )
    ),
    *(("HTTP_HOST", text) for text in ("", "[", "a:b", "evil.test", "localhost:99999", "\xff", "a b")),
    *(("HTTP_TRANSFER_ENCODING", text) for text in ("chunked", "identity", "\xff")),
    *(("HTTP_X_HTTP_METHOD_OVERRIDE", text) for text in ("POST", "DELETE")),
    *(("HTTP_ORIGIN", text) for text in ("null", "http://evil.test", "\xff", "")),
    *(("HTTP_REFERER", text) for text in ("http://[", "javascript:", "\xff")),
    *(("HTTP_SEC_FETCH_SITE", text) for text in ("cross-site", "none", "\xff")),
    *(("HTTP_USER_AGENT", text) for text in ("", "\xff\0\r\n", "u" * 9000)),
    *(("HTTP_AUTHORIZATION", text) for text in ("", "Basic", "Basic !!!", "Basic /w==", "Bearer \xff", "Digest a")),
    *(("HTTP_ACCEPT_LANGUAGE", text) for text in ("\xff", "de;q=x", "*" * 900)),
    *(("HTTP_RANGE", text) for text in ("bytes=0-1", "bytes=-", "x")),
    *(("HTTP_IF_MODIFIED_SINCE", text) for text in ("0", "\xff")),
    *(("HTTP_X_TOKEN", text) for text in ("alice", "\xff", "")),
    *(("HTTP_X_FORWARDED_FOR", text) for text in ("1.2.3.4", "\xff")),
    *(("REMOTE_ADDR", text) for text in ("", "x", "::1", "::ffff:1.2.3.4", "1.2.3.4, 5.6.7.8", "fe80::1%eth0")),
    *(("HTTP_EXPECT", text) for text in ("100-continue", "x")),
)
METHODS = (
    "POST",
    "POST",
    "POST",
    "POST",
    "GET",
    "HEAD",
    "OPTIONS",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "post",
    "",
)
QUERIES = (
    *(
        b"",
        b"next=/me",
        b"next=//evil.test",
        b"next=%ff",
        b"next=%00",
        b"next=/" + b"a" * 3000,
        b"next=/a%0d%0ab",
    ),
    *(
        b"next=http://[",
        b"next=/\\evil.test",
        b"next=/me&next=//evil.test",
        b"switch=1",
        b"switch=%ff",
        b"_method=DELETE",
    ),
    *(b"kind=recovery", b"kind=%ff", b"kind=recovery&kind=%00", b"authenticator=%00", b"authenticator=%ed%a0%80"),
    *(b"authenticator=" + b"a" * 3000, b"authenticator=../x&authenticator=", b"browser=%ff&trust=1&name=%00"),
    *(b"code=123456&password=alice-password", b"%ff=%ff", b"=", b"&&", b"?", b"a" * 5000, b"next", b"next=%ed%a0%80"),
)


@dataclass(frozen=True)
class Sent:
    """A request, in parts that each may be changed."""

    pairs: Pairs
    method: str = "POST"
    kind: str = "form"
    query: bytes = b""
    cookies: dict[str, str] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    """Bytes of the body that are sent, None for all."""

    def body(self) -> tuple[bytes, str]:
        """Give the body and its content type."""
        made, content_type = ENCODINGS[self.kind](self.pairs)
        return made[: self.cut], content_type


def _form(pairs: Pairs) -> tuple[bytes, str]:
    return b"&".join(
        quote_from_bytes(key).encode() + b"=" + quote_from_bytes(text).encode() for key, text in pairs
    ), FORM


def _raw_form(pairs: Pairs) -> tuple[bytes, str]:
    return b"&".join(key + b"=" + text for key, text in pairs), FORM


def _multipart(pairs: Pairs, *, filename: bytes = b"") -> tuple[bytes, str]:
    parts = [
        b"--"
        + BOUNDARY
        + b'\r\nContent-Disposition: form-data; name="'
        + key
        + b'"'
        + filename
        + b"\r\n\r\n"
        + text
        + b"\r\n"
        for key, text in pairs
    ]
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n", f"multipart/form-data; boundary={BOUNDARY.decode()}"


def _json(pairs: Pairs) -> tuple[bytes, str]:
    return json.dumps(
        {key.decode("latin-1"): text.decode("latin-1") for key, text in pairs}
    ).encode(), "application/json"


def _text(pairs: Pairs) -> tuple[bytes, str]:
    return _raw_form(pairs)[0], "text/plain"


ENCODINGS: dict[str, Callable[[Pairs], tuple[bytes, str]]] = {
    "form": _form,
    "raw form": _raw_form,
    "multipart": _multipart,
    "files": lambda pairs: _multipart(pairs, filename=b'; filename="f"'),
    "json": _json,
    "text": _text,
}


class Target:
    """A page of ours, a person at it with all that it needs, and the account's rows as they were."""

    def __init__(self, folder: Path, page: str) -> None:
        def wire(two_factor: TwoFactor) -> None:
            @two_factor.password_check  # cheap for nobody too: the default hashes
            def check(user: User | None, password: str) -> bool:
                return user is not None and user.check_password(password)

        self.host: Host = make_host(folder, Clock(), wire, TWOFACTOR_TRUSTED_BROWSERS=True)
        self.host.enroll("alice")
        self.place = Place(self.host, page)
        self.page = page
        self.jar = self.place.person.cookies()
        self.right: Pairs = [(b"csrf_token", self.place.token.encode())]
        self.right += [(key.encode(), text.encode()) for key, text in self.place.right.items()]
        self.right += {"challenge": [(b"trust", b"y")], "manage": [(b"kind", b"recovery")]}.get(page, [])
        self.client = self.host.app.test_client(use_cookies=False)
        self._rows = sqlite3.connect(database_of(self.host), isolation_level=None)
        self.settle()

    def settle(self) -> None:
        """Take the rows as they are for those that nothing may change."""
        self._accounts = rows(self.host, "twofactor_account")
        self._kept = self.kept()

    def hopeless(self) -> list[Pairs]:
        """Give forms that miss one thing, all the rest of them right."""
        wrong = {
            b"code": self.host.wrong_code("bob" if self.page == "setup" else "alice").encode(),
            b"password": b"wrong",
        }
        changed = [
            [(key, wrong[key] if key == name else text) for key, text in self.right]
            for name, _ in self.right
            if name in wrong
        ]
        if self.page == "identify":
            return [self.right]
        # What anybody is let in by who sends it: nothing but the code, or the token, is judged.
        return [*changed, self.right[1:]]

    def kept(self) -> list[list[tuple[Any, ...]]]:
        """Give what of the confirmed enrolments and what hangs on them nothing here may change."""
        asked = (
            "SELECT id, subject, confirmed_at, last_step, name FROM twofactor_enrolment WHERE confirmed_at IS NOT NULL",
            "SELECT subject, digest FROM twofactor_recovery",
            "SELECT id, digest FROM twofactor_trusted",
        )
        return [self._rows.execute(f"{one} ORDER BY 1, 2").fetchall() for one in asked]

    def forgive(self) -> None:
        """Let each attempt be the first: what failed before is forgotten, or the limits would answer alone."""
        self._rows.execute("DELETE FROM twofactor_counter")
        for row in self._accounts:
            for name, value in row.items():
                change = f"UPDATE twofactor_account SET {name} = ? WHERE subject = ? AND {name} <> ?"  # noqa: S608
                self._rows.execute(change, (value, row["subject"], value))

    def send(self, sent: Sent) -> TestResponse:
        """Send the bytes as a server would hand them on."""
        body, content_type = sent.body()
        cookie = "; ".join(f"{name}={value}" for name, value in {**self.jar, **sent.cookies}.items())
        environ = {
            "REQUEST_METHOD": sent.method,
            "QUERY_STRING": (sent.query or self.place.query[1:].encode()).decode("latin-1"),
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_COOKIE": cookie,
            "wsgi.input": io.BytesIO(body),
            **dict(sent.headers),
        }
        return self.client.open(self.place.path, environ_overrides=environ)

    def who(self, cookie: str) -> str | None:
        """Give who is in with a Cookie header."""
        answer = self.client.get("/me", environ_overrides={"HTTP_COOKIE": cookie})
        return answer.text if answer.status_code == 200 else None

    def survives(self, sent: Sent) -> None:
        """Send, and look whether anything came of it."""
        self.forgive()
        answer = self.send(sent)
        assert answer.status_code in ANSWERS, f"{answer.status} for {sent}"
        got = {**self.jar, **sent.cookies}
        for line in answer.headers.getlist("Set-Cookie"):
            got.update(parse_cookie(line.partition(";")[0]))
        cookie = "; ".join(f"{name}={value}" for name, value in got.items())
        assert self.who(cookie) in {None, person_at(self.page)}, f"somebody came in by {sent}"
        assert self.kept() == self._kept, f"a factor came, went or was spent by {sent}"

    def works_still(self) -> None:
        """The right form, in the same jar, is accepted at the end: nothing of it was spent."""
        self.forgive()
        answer = self.send(Sent(self.right))
        assert answer.status_code == 302, answer.text

    def close(self) -> None:
        self._rows.close()


@pytest.fixture
def target(tmp_path: Path, page: str) -> Iterator[Target]:
    made = Target(tmp_path, page)
    yield made
    made.close()


on_each_page = pytest.mark.parametrize("page", PAGES)


# A fixed corpus


@pytest.mark.slow
@pytest.mark.requirement("INP-06", "INP-07", "VER-10", "VER-08")
@on_each_page
@pytest.mark.parametrize("kind", ["form", "multipart"])
def test_no_nasty_value_in_any_field_is_an_error_or_a_way_in(target: Target, kind: str) -> None:
    for number, value in enumerate(NASTY):
        forms = target.hopeless()
        pairs = forms[number % len(forms)]
        for place, (name, text) in enumerate(pairs):
            for changed in ((name, value), (name, text + value), (name + value, text))[: 3 if kind == "form" else 1]:
                target.survives(Sent([*pairs[:place], changed, *pairs[place + 1 :]], kind=kind))
    if target.page not in ("setup", "new_authenticator"):  # ten guesses at a key that is being set up end it
        target.works_still()


@pytest.mark.requirement("INP-06", "CSR-05")
@on_each_page
def test_no_nonsense_in_a_header_is_an_error_or_a_way_in(target: Target) -> None:
    forms = target.hopeless()
    for number, header in enumerate(HEADERS):
        target.survives(Sent(forms[number % len(forms)], headers=(header,)))


@pytest.mark.requirement("INP-06", "CSR-05", "CSR-07")
@on_each_page
def test_no_method_query_or_encoding_is_an_error_or_a_way_in(target: Target) -> None:
    pairs = target.hopeless()[0]
    for method in sorted(set(METHODS)):
        for query in QUERIES[:: 1 if method in ("POST", "GET") else 6]:
            target.survives(Sent(pairs, method=method, query=query))
    for kind in ENCODINGS:
        for cut in range(0, len(ENCODINGS[kind](pairs)[0]), 29):
            target.survives(Sent(pairs, kind=kind, cut=cut))


# Tokens, bit by bit


def flips(token: str) -> Iterator[str]:
    """Give every text that differs in one bit of one character; no last character of a part.

    Base64 leaves some bits of that one unused: the text is another then, the token is not.
    """
    for place, char in enumerate(token):
        if token[place + 1 : place + 2] in ("", "."):
            continue
        for bit in range(8):
            yield token[:place] + chr(ord(char) ^ 1 << bit) + token[place + 1 :]


def cuts(token: str) -> Iterator[str]:
    for length in range(len(token)):
        yield token[:length]
        yield token[length + 1 :]


def doubled(token: str) -> Iterator[str]:
    yield from (token + token, token + ".", "." + token, token[::-1], token.swapcase())


def as_cookie(text: str) -> str:
    """Give what of a text a Cookie header carries in one value."""
    return text.split(";")[0].strip()


def mutants(token: str) -> list[str]:
    return [other for made in (flips, cuts, doubled) for other in made(token) if other != token]


@pytest.mark.slow
@pytest.mark.requirement("SES-04", "SES-02")
@pytest.mark.parametrize("page", ["manage"])
def test_a_session_cookie_that_differs_in_any_bit_is_nobody(target: Target) -> None:
    token = target.jar["session"]
    assert target.who(f"session={token}") == "alice"
    for other in mutants(token):
        if as_cookie(other) != token:
            assert target.who(f"session={other}") is None, other


@pytest.mark.requirement("SES-05", "STO-03")
@pytest.mark.parametrize("page", ["identify"])
@pytest.mark.parametrize("cookie", ["remember_token", "twofactor_remember"])
def test_a_remember_cookie_that_differs_in_any_bit_is_nobody(target: Target, cookie: str) -> None:
    with target.host.app.app_context():
        target.host.two_factor.end_sessions(target.host.users["bob"])
    person = target.host.person()
    person.log_in("bob", remember="y")
    jar = {name: value for name, value in person.cookies().items() if name.endswith(("token", "remember"))}

    def who() -> str | None:
        return target.who("; ".join(f"{name}={value}" for name, value in jar.items()))

    assert who() == "bob"
    token = jar[cookie]
    for other in mutants(token):
        jar[cookie] = other
        if as_cookie(other) != token and other.isascii():  # of other texts Flask-Login's own check raises
            assert who() is None, other


@pytest.mark.slow
@pytest.mark.requirement("CSR-01", "CSR-03")
@pytest.mark.parametrize("page", ["credential", "manage"])
def test_a_csrf_token_that_differs_in_any_bit_is_refused(target: Target) -> None:
    token = target.place.token
    for other in mutants(token)[::3]:
        pairs = [(b"csrf_token", other.encode("latin-1")), *target.right[1:]]
        sent = Sent(pairs)
        target.survives(sent)
        assert target.send(sent).status_code == 400, other
    target.works_still()


@pytest.mark.slow
@pytest.mark.requirement("SES-06", "SES-07", "VER-02")
@pytest.mark.parametrize("page", ["credential"])
def test_a_right_form_with_a_session_that_differs_in_any_bit_lets_nobody_in(target: Target) -> None:
    for other in mutants(target.jar["session"])[::9]:
        if as_cookie(other) != target.jar["session"]:
            target.survives(Sent(target.right, cookies={"session": other}))
    target.works_still()


@pytest.mark.requirement("VER-10", "VER-08", "INP-03")
@pytest.mark.parametrize("page", ["credential", "challenge", "manage"])
def test_a_right_code_that_differs_in_any_bit_is_no_code_and_spends_nothing(target: Target) -> None:
    code = dict(target.right)[b"code"].decode()
    for other in mutants(code):
        if "".join(char for char in other if char.isdigit()) != code:
            pairs = [(name, other.encode("latin-1") if name == b"code" else text) for name, text in target.right]
            target.survives(Sent(pairs))
    target.works_still()


@pytest.mark.requirement("STO-03", "SES-04", "TRB-07")
@pytest.mark.parametrize("page", ["credential"])
def test_no_cookie_in_the_place_of_another_lets_anybody_in(target: Target) -> None:
    host, jars = target.host, [target.jar]
    for name in ("alice", "bob"):
        host.clock.move(30)
        person = host.person()
        person.log_in(name, remember="y")
        jars.append(person.cookies())
    target.settle()
    values = {(name, value) for jar in jars for name, value in jar.items()}
    names = {name for name, _ in values}
    assert len(names) >= 3
    for name, value in values:
        for other in names - {name}:
            assert target.who(f"{other}={value}") is None, f"{name} as {other}"
            target.survives(Sent(target.hopeless()[0], cookies={other: value}))


# At random, from right requests


ASCII = st.binary(max_size=80).map(lambda text: bytes(byte & 127 for byte in text))


def _values(now: bytes) -> st.SearchStrategy[bytes]:
    def flipped(place: int) -> bytes:
        if not now:
            return b"\1"
        where = place // 8 % len(now)
        return now[:where] + bytes([now[where] ^ 1 << place % 8]) + now[where + 1 :]

    return (
        st.sampled_from(NASTY)
        | st.binary(max_size=40)
        | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.integers(0, 2000).map(flipped)
        | st.integers(0, 100).map(lambda length: now[:length])
        | st.sampled_from(NASTY).map(lambda nasty: now + nasty)
    )


@st.composite
def mutated_pairs(draw: st.DrawFn, pairs: Pairs) -> Pairs:
    made = list(pairs)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(made) - 1)))
        name, text = made[place] if made else (b"code", b"")
        how = draw(st.sampled_from(["value", "name", "drop", "again", "other", "move"]))
        if how == "value":
            made[place : place + 1] = [(name, draw(_values(text)))]
        elif how == "name":
            made[place : place + 1] = [(draw(_values(name)), text)]
        elif how == "drop":
            made[place : place + 1] = []
        elif how == "again":
            made.append((name, draw(_values(text))))
        elif how == "other":
            known = st.sampled_from(
                [
                    *(b"identifier", b"password", b"code", b"remember", b"csrf_token", b"secret", b"user_id"),
                    *(b"trust", b"name", b"authenticator", b"browser", b"kind", b"other", b"step"),
                ]
            )
            made.append((draw(known), draw(st.sampled_from([b"alice", b"bob", b"y", b"1"]) | _values(text))))
        else:
            made.insert(0, made.pop(place)) if made else None
    return made


@st.composite
def mutated_cookies(draw: st.DrawFn, jar: dict[str, str]) -> dict[str, str]:
    made: dict[str, str] = {}
    ours = ("twofactor_remember", "twofactor_known", "twofactor_trusted", "twofactor_csrf")
    names = st.sampled_from([*jar, "session", "remember_token", "csrf_token", *ours])
    for _ in range(draw(st.integers(0, 2))):
        value = draw(st.sampled_from([*jar.values(), "1", ""]))
        made[draw(names)] = draw(_values(value.encode("latin-1"))).decode("latin-1")
    return made


@st.composite
def requests(draw: st.DrawFn, forms: list[Pairs], jar: dict[str, str]) -> Sent:
    sent = Sent(draw(mutated_pairs(draw(st.sampled_from(forms)))))
    if draw(st.booleans()):
        sent = replace(sent, kind=draw(st.sampled_from([*ENCODINGS])))
    if draw(st.booleans()):
        sent = replace(sent, cookies=draw(mutated_cookies(jar)))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        sent = replace(sent, headers=(*sent.headers, draw(st.sampled_from(HEADERS))))
    if draw(st.booleans()):
        sent = replace(sent, method=draw(st.sampled_from(METHODS)), query=draw(st.sampled_from(QUERIES) | ASCII))
    return replace(sent, cut=draw(st.none() | st.none() | st.integers(0, 400)))


@pytest.mark.slow
@pytest.mark.requirement("INP-06", "INP-07", "CSR-05", "CSR-06", "VER-10")
@on_each_page
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_that_misses_something_is_an_error_or_a_way_in(target: Target, data: st.DataObject) -> None:
    target.survives(data.draw(requests(target.hopeless(), target.jar)))


@pytest.mark.requirement("INP-06", "CSR-05")
@on_each_page
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    query=ASCII | st.sampled_from(QUERIES),
    cookie=st.binary(max_size=80),
    method=st.sampled_from(METHODS),
)
def test_no_bytes_in_query_and_cookies_are_an_error(target: Target, query: bytes, cookie: bytes, method: str) -> None:
    headers = (("HTTP_COOKIE", cookie.decode("latin-1")),)
    target.survives(Sent(target.right, method=method, query=query, headers=headers))
