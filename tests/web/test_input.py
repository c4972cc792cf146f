"""What people and programs send: sizes, types, repeated fields, strange text; and who may send it (CSRF)."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask_wtf import CSRFProtect, FlaskForm
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader
from wtforms import StringField

from flask_twofactor import TwoFactor
from flask_twofactor.core.identifiers import normal_form
from flask_twofactor.throttle import Ticket
from tests.support.host import Clock, Host, Person, User, alert, csrf_token, make_host
from tests.support.places import FORM, PAGES, TAKES, WITH_FIELDS, Place
from tests.support.watching import state_of

on_each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture
def place(make_app: Callable[..., Host], page: str) -> Place:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    for name in ("alice", "mallory"):
        host.enroll(name)
    return Place(host, page)


@on_each_page
def test_each_form_of_these_tests_works_where_nothing_is_added(place: Place) -> None:
    assert place.send().status_code == 302


# CSRF


@pytest.mark.requirement("CSR-01")
@on_each_page
@pytest.mark.parametrize("token", [None, "", "x", "stale", "another browser's"])
def test_a_post_without_a_right_token_is_refused(place: Place, token: str | None) -> None:
    stranger = csrf_token(place.host.person().get("/two-factor/identify"))
    tokens = {"stale": place.token[:-6] + "AAAAAA", "another browser's": stranger}
    place.token = tokens.get(token or "", token or "")
    if token is None:
        answer = place.raw("&".join(f"{name}={value}" for name, value in place.right.items()).encode())
    else:
        answer = place.send()
    assert answer.status_code == 400
    assert alert(answer)
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-01")
@on_each_page
def test_a_form_class_of_the_host_without_csrf_is_checked_all_the_same(place: Place, page: str) -> None:
    class Naked(FlaskForm):
        class Meta(FlaskForm.Meta):
            csrf = False

        identifier = StringField()
        password = StringField()
        code = StringField()
        name = StringField()
        authenticator = StringField()

    state = state_of(place.host)
    object.__setattr__(state, "forms", {**state.forms, {"password": "step_up"}.get(page, page): Naked})
    body = "&".join(f"{name}={quote(text)}" for name, text in place.right.items())
    assert place.raw(body.encode()).status_code == 400
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-01")
def test_a_template_of_the_host_without_a_token_makes_a_form_that_is_refused(make_app: Callable[..., Host]) -> None:
    host = make_app()
    form = '<form method="post" action="{{ twofactor.action }}"><input name="identifier"></form>'
    host.app.jinja_loader = DictLoader({"twofactor/identify.html": form})
    person = host.person()
    assert person.get("/two-factor/identify").text == form.replace("{{ twofactor.action }}", "/two-factor/identify")
    assert person.client.post("/two-factor/identify", data={"identifier": "bob"}).status_code == 400


@pytest.mark.requirement("CSR-01")
@pytest.mark.parametrize("testing", [True, False])
def test_csrf_is_off_in_a_test_run_alone_and_production_is_warned(
    make_app: Callable[..., Host], testing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    host = make_app(WTF_CSRF_ENABLED=False)
    host.app.config["TESTING"] = testing
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        answer = host.person().client.post("/two-factor/identify", data={"identifier": "bob"})
    assert answer.status_code == (302 if testing else 400)
    assert ("WTF_CSRF_ENABLED" in " ".join(caplog.messages)) is not testing


@pytest.mark.requirement("CSR-01")
def test_a_host_with_its_own_csrf_protect_and_field_name_works(make_app: Callable[..., Host]) -> None:
    host = make_app(WTF_CSRF_FIELD_NAME="_csrf")
    CSRFProtect(host.app)
    person = host.person()
    page = person.get("/two-factor/identify")
    token = re.search(r'name="_csrf"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    sent = person.client.post("/two-factor/identify", data={"_csrf": token.group(1), "identifier": "bob"})
    assert sent.status_code == 302
    assert person.client.post("/two-factor/identify", data={"identifier": "bob"}).status_code == 400


@pytest.mark.requirement("CSR-02")
def test_an_attackers_page_cannot_log_the_victims_browser_in_as_the_attacker(enrolled: Host) -> None:
    attacker, victim = enrolled.person(), enrolled.person()
    token = csrf_token(attacker.get("/two-factor/identify"))
    sent = victim.client.post("/two-factor/identify", data={"csrf_token": token, "identifier": "mallory"})
    assert sent.status_code == 400
    victim.get("/two-factor/identify")
    sent = victim.client.post("/two-factor/identify", data={"csrf_token": token, "identifier": "mallory"})
    assert sent.status_code == 400
    assert str(victim.get("/two-factor/credential").location).startswith("/two-factor/identify")


@pytest.mark.requirement("CSR-02")
def test_a_token_of_another_jar_does_not_send_the_credential_form(enrolled: Host) -> None:
    attacker, victim = enrolled.person(), enrolled.person()
    token = csrf_token(attacker.identify("mallory"))
    victim.identify("mallory")
    fields = {"csrf_token": token, "password": "mallory-password", "code": enrolled.code("mallory")}
    assert victim.client.post("/two-factor/credential", data=fields).status_code == 400
    assert victim.me is None


@pytest.mark.requirement("CSR-03")
def test_a_token_from_before_the_log_in_is_refused_after_it(enrolled: Host) -> None:
    person = enrolled.person()
    token = csrf_token(person.identify("alice"))
    person.credential("alice-password", enrolled.code("alice"))
    enrolled.clock.move(30)
    fields = {"csrf_token": token, "code": enrolled.code("alice")}
    assert person.client.post("/two-factor/manage", data=fields).status_code == 400
    person.get("/two-factor/manage")
    assert person.client.post("/two-factor/manage", data=fields).status_code == 400
    with enrolled.app.app_context():
        assert enrolled.two_factor.is_enabled(enrolled.users["alice"])


@pytest.mark.requirement("CSR-03")
@pytest.mark.parametrize("page", ["challenge", "setup", "manage", "password"])
def test_a_token_is_renewed_with_the_session(enrolled: Host, page: str) -> None:
    place = Place(enrolled, page)
    assert place.send().status_code == 302
    place.person.get("/two-factor/password")
    stale = {"csrf_token": place.token, "password": "x"}
    assert place.person.client.post("/two-factor/password", data=stale).status_code == 400


@pytest.mark.requirement("CSR-04")
@on_each_page
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_with_every_parameter_changes_nothing(place: Place, method: str) -> None:
    query = {"csrf_token": place.token, **place.right, "disable": "1", "logout": "1", "remember": "y", "trust": "1"}
    sep = "&" if place.query else "?"
    answer = place.person.client.open(f"{place.path}{place.query}{sep}{urlencode(query)}", method=method)
    assert answer.status_code == (405 if place.post_only else 200)
    assert place.nothing_changed()


VALUES: list[Any] = [
    *("text", 1, 1.5, True, None, [], ["a"], [["a"]], {}, {"code": "1"}, {"code": ["1"]}),
    {"csrf_token": 1, "identifier": {"$ne": ""}, "password": True, "code": [1, 2]},
]


@pytest.mark.requirement("CSR-05", "INP-07")
@on_each_page
def test_json_of_every_shape_is_refused_as_no_form(place: Place) -> None:
    for value in [*VALUES, {"csrf_token": place.token, **place.right}]:
        answer = place.raw(json.dumps(value).encode(), content_type="application/json")
        assert answer.status_code == 415
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-05", "INP-07")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "password"]), inner),
        max_leaves=6,
    )
)
def test_no_json_value_is_taken_for_a_form(fuzzed: Place, value: Any) -> None:
    assert fuzzed.raw(json.dumps(value).encode(), content_type="application/json").status_code == 415


@pytest.mark.requirement("CSR-05")
@on_each_page
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "application/xml", "text/html", "x", "application/csp-report"]
)
def test_a_body_of_another_type_is_refused_though_it_reads_like_a_form(place: Place, kind: str) -> None:
    answer = place.send(content_type=kind)
    assert answer.status_code == 415
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-05")
@pytest.mark.parametrize("page", WITH_FIELDS)
def test_fields_in_the_query_string_do_not_count(place: Place) -> None:
    place.query = "?" + urlencode({"csrf_token": place.token, **place.right})
    assert place.raw(b"").status_code == 400
    assert place.raw(f"csrf_token={quote(place.token)}".encode()).status_code == 200
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-05")
def test_a_multipart_form_is_a_form(enrolled: Host) -> None:
    place = Place(enrolled, "credential")
    fields = {"csrf_token": place.token, **place.right}
    answer = place.person.client.post(place.path, data=fields, content_type="multipart/form-data")
    assert answer.status_code == 302
    assert place.person.me == "alice"


@pytest.mark.requirement("CSR-06")
@on_each_page
def test_a_field_that_is_given_twice_is_refused(place: Place) -> None:
    for name, value in {"csrf_token": place.token, **place.right}.items():
        assert place.send((name, value)).status_code == 400
        assert place.send((name, "")).status_code == 400
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-06")
def test_a_name_that_is_claimed_twice_is_refused_on_the_credential_page(enrolled: Host) -> None:
    place = Place(enrolled, "credential")
    assert place.send(("identifier", "bob"), ("identifier", "alice")).status_code == 400


@pytest.mark.requirement("CSR-06", "INP-07")
@on_each_page
@pytest.mark.parametrize("instead", [True, False])
def test_a_field_that_comes_as_a_file_is_refused(place: Place, instead: bool) -> None:
    for name in place.right:
        fields: dict[str, Any] = {"csrf_token": place.token, **place.right}
        part = (io.BytesIO(fields[name].encode()), "field.txt")
        if instead:
            fields[name] = part
        else:
            fields[name] = [fields[name], part]
        path = place.path + place.query
        answer = place.person.client.post(path, data=fields, content_type="multipart/form-data")
        assert answer.status_code == 400
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-07")
@on_each_page
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_other_methods_are_not_routed(place: Place, method: str) -> None:
    fields = {"csrf_token": place.token, **place.right}
    assert place.person.client.open(place.path, method=method, data=fields).status_code == 405
    assert place.nothing_changed()


@pytest.mark.requirement("CSR-07")
@on_each_page
def test_a_method_override_is_ignored(place: Place) -> None:
    fields = {"csrf_token": place.token, **place.right, "_method": "POST"}
    headers = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"), "POST")
    sep = "&" if place.query else "?"
    answer = place.person.client.get(f"{place.path}{place.query}{sep}{urlencode(fields)}", headers=headers)
    assert answer.status_code == (405 if place.post_only else 200)
    assert place.nothing_changed()


# Sizes


LONG = ["a" * 1_000_000, "\u0344\u0301" * 500_000, "\ufdfa" * 1_000_000, "１" * 1_000_000]


@pytest.mark.requirement("INP-01", "INP-02")
@on_each_page
def test_a_megabyte_in_a_field_is_refused_unread(place: Place) -> None:
    for text in LONG:
        sent = "&".join(f"{name}={text}" for name in ("csrf_token", *place.right)).encode()
        body = io.BytesIO(sent)
        answer = place.person.client.post(place.path, input_stream=body, content_type=FORM, content_length=len(sent))
        assert answer.status_code == 413
        assert body.tell() == 0
    assert place.nothing_changed()


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u0344\u0301" * 1500, id="combining marks"),
        pytest.param("\ufdfa" * 1500, id="ligatures"),
        pytest.param("１" * 1500, id="digits"),
        pytest.param("a" * 9000, id="letters"),
    ],
)
def test_a_field_over_its_limit_reaches_neither_the_look_up_nor_the_hash(tmp_path: Path, text: str) -> None:
    seen: list[tuple[str, int]] = []

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.user_lookup
        def find(name: str) -> None:
            seen.append(("name", len(name)))

        @two_factor.password_check
        def check(_: User | None, password: str) -> bool:
            seen.append(("password", len(password)))
            return False

    host = make_host(tmp_path, Clock(), wire)
    person = host.person()
    raw = quote(text)[:14_000]
    token = csrf_token(person.get("/two-factor/identify"))
    body = f"csrf_token={quote(token)}&identifier={raw}"
    answer = person.client.post("/two-factor/identify", data=body, content_type=FORM)
    assert answer.status_code == 200
    assert seen == []
    token = csrf_token(person.identify("ghost"))
    for fields in (f"password={raw}", f"password=x&code={raw}", f"password=x&identifier={raw}"):
        person.client.post("/two-factor/credential", data=f"csrf_token={quote(token)}&{fields}", content_type=FORM)
    assert all(size <= {"name": 320, "password": 1024}[kind] for kind, size in seen)


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize(("length", "lawful"), [(320, True), (321, False)])
def test_a_user_id_has_at_most_320_characters(host: Host, length: int, lawful: bool) -> None:
    answer = host.person().post("/two-factor/identify", identifier="a" * length)
    assert (answer.status_code == 302) is lawful
    assert bool(alert(answer)) is not lawful


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize(("length", "lawful"), [(1024, True), (1025, False)])
def test_a_password_has_at_most_1024_characters(host: Host, length: int, lawful: bool) -> None:
    host.users["bob"].password = "p" * length
    person = host.person()
    person.identify("bob")
    person.credential("p" * length)
    assert person.me == ("bob" if lawful else None)
    assert host.users["bob"].checks == (1 if lawful else 0)


@pytest.mark.requirement("INP-01")
@pytest.mark.parametrize(("spaces", "lawful"), [(58, True), (59, False)])
def test_a_code_has_at_most_64_characters(enrolled: Host, spaces: int, lawful: bool) -> None:
    person = enrolled.person()
    person.identify("alice")
    person.credential("alice-password", " " * spaces + enrolled.code("alice"))
    assert person.me == ("alice" if lawful else None)


@pytest.mark.requirement("INP-02")
@on_each_page
def test_a_body_of_5_megabytes_is_refused(place: Place) -> None:
    for body in (b"a=" + b"x" * 5_000_000, b"&".join(b"a=%d" % number for number in range(500_000))):
        assert place.raw(body).status_code == 413
    assert place.nothing_changed()


@pytest.mark.requirement("INP-02")
@pytest.mark.parametrize(("size", "lawful"), [(16 * 1024, True), (16 * 1024 + 1, False)])
def test_a_body_of_16_kb_is_the_largest(enrolled: Host, size: int, lawful: bool) -> None:
    place = Place(enrolled, "credential")
    head = f"csrf_token={quote(place.token)}&password=alice-password&code={place.right['code']}&pad=".encode()
    answer = place.raw(head + b"x" * (size - len(head)))
    assert answer.status_code == (302 if lawful else 413)


@pytest.mark.requirement("INP-02")
@on_each_page
def test_a_chunked_body_without_a_length_is_refused(place: Place) -> None:
    body = io.BytesIO(f"csrf_token={quote(place.token)}&{'x' * 100_000}".encode())
    answer = place.person.client.post(
        place.path,
        input_stream=body,
        content_type=FORM,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert body.tell() == 0


@pytest.mark.requirement("INP-02")
@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "٣"])
def test_a_length_that_is_no_number_is_no_way_around_the_limit(enrolled: Host, length: str) -> None:
    place = Place(enrolled, "identify")
    answer = place.person.client.post(
        place.path,
        input_stream=io.BytesIO(b"x" * 100_000),
        content_type=FORM,
        environ_overrides={"CONTENT_LENGTH": length.encode().decode("latin1")},
    )
    assert answer.status_code in (400, 413)


@pytest.mark.requirement("INP-02")
def test_a_form_of_a_thousand_parts_is_refused(enrolled: Host) -> None:
    place = Place(enrolled, "credential")
    fields = {f"part{number}": "x" for number in range(1000)}
    answer = place.person.client.post(place.path, data=fields, content_type="multipart/form-data")
    assert answer.status_code == 413


def test_the_limits_are_those_of_our_pages_alone(host: Host) -> None:
    sent = host.person().client.post("/legacy", data={"name": "bob", "password": "bob-password", "pad": "x" * 100_000})
    assert sent.status_code == 200


# Codes and names


def code_forms(code: str) -> Iterator[str]:
    digits = [chr(zero) for zero in (0xFF10, 0x0660, 0x06F0, 0x0966, 0x1D7CE, 0x1D7F6)]
    for zero in digits:
        yield "".join(chr(ord(zero) + int(digit)) for digit in code)
    for gap in (" ", "\u00a0", "\u202f", "\u200b", "-", "\u2011", "\t", "  "):
        yield code[:3] + gap + code[3:]
    yield f"  {code}\u200b "


@pytest.mark.requirement("INP-03")
def test_a_code_in_every_forgiven_form_logs_in(enrolled: Host) -> None:
    for number in range(len([*code_forms("123456")])):
        enrolled.clock.move(30)
        form = [*code_forms(enrolled.code("alice"))][number]
        person = enrolled.person()
        person.identify("alice")
        person.credential("alice-password", form)
        assert person.me == "alice", ascii(form)


def wrong_forms(code: str) -> list[str]:
    return [
        code + "\n",
        "\n" + code,
        code + "\x00",
        code + "0",
        code[:5],
        "".join(chr(0x2070) if digit == "0" else "²" for digit in code),
        "".join(chr(0x2460 + int(digit)) for digit in code),
        "+" + code,
        code + ".0",
        code[:5] + "x",
        f"{code},{code}",
        "[]",
        "null",
        "true",
        "",
    ]


@pytest.mark.requirement("INP-03")
@pytest.mark.parametrize("number", range(len(wrong_forms("123456"))))
def test_a_code_in_any_other_form_is_the_same_failure(enrolled: Host, number: int) -> None:
    person = enrolled.person()
    person.identify("alice")
    failed = alert(person.credential("alice-password", enrolled.wrong_code("alice")))
    answer = person.credential("alice-password", wrong_forms(enrolled.code("alice"))[number])
    assert (answer.status_code, alert(answer)) == (200, failed)
    assert person.me is None


VARIANTS = ["alice", "ALICE", "Alice", " alice", "alice ", "\u00a0alice", "ａｌｉｃｅ", "ＡＬＩＣＥ", "aLiCe\u2003"]
ABSENT = ["ghost", "GHOST", "Ghost", " ghost", "ｇｈｏｓｔ", "gHOST\u2003"]


@pytest.mark.requirement("INP-04")
@pytest.mark.parametrize("typed", VARIANTS, ids=ascii)
def test_every_variant_of_a_name_is_that_account(enrolled: Host, typed: str) -> None:
    person = enrolled.person()
    person.identify(typed)
    person.credential("alice-password", enrolled.code("alice"))
    assert person.me == "alice"


@pytest.mark.requirement("INP-04")
@pytest.mark.parametrize("names", [VARIANTS, ABSENT], ids=["present", "absent"])
def test_the_throttle_is_not_split_by_variants_of_a_name(enrolled: Host, names: list[str]) -> None:
    statuses = []
    for typed in names[:6]:
        person = enrolled.person()
        person.identify(typed)
        statuses.append(person.credential("wrong", "000000").status_code)
    assert statuses == [200] * 5 + [429]


@pytest.mark.requirement("INP-04")
def test_the_throttle_is_not_split_by_a_name_that_is_claimed_on_the_second_page(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("ghost")
    statuses = [person.credential("wrong", "000000", identifier=typed).status_code for typed in VARIANTS[:6]]
    assert statuses == [200] * 5 + [429]


@pytest.mark.requirement("INP-04")
def test_look_up_gets_the_normal_form_once_for_every_variant(tmp_path: Path) -> None:
    seen = set()

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.user_lookup
        def find(name: str) -> None:
            seen.add(name)

    host = make_host(tmp_path, Clock(), wire)
    for typed in VARIANTS:
        host.person().identify(typed)
    assert seen == {"alice"}


@pytest.mark.requirement("INP-04")
@given(st.text(max_size=30))
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normal_form(text)
    assert normal_form(once) == once


@pytest.mark.requirement("INP-04")
def test_a_host_gives_its_own_normal_form(tmp_path: Path) -> None:
    def wire(two_factor: TwoFactor) -> None:
        two_factor.normal_form(lambda typed: typed.strip().lower().removesuffix("@site.test"))

    person = make_host(tmp_path, Clock(), wire).person()
    person.identify(" Bob@Site.test ")
    person.credential("bob-password")
    assert person.me == "bob"


PASSWORDS = [
    "x" * 1000,
    " leading",
    "trailing ",
    "  ",
    "\ttab\n",
    "ＦＵＬＬ",
    "e\u0301",
    "\u00e9",
    "Ünïcödé-密碼-🔑",
    "a&b=c+d%20e",
    "\"<quotes>'",
    "nul\x00inside",
    "\ufeffmark",
    "ﬁ",
    "İ",
    "9" * 64,
]


@pytest.mark.requirement("INP-05")
@pytest.mark.parametrize("password", PASSWORDS, ids=[ascii(password)[:30] for password in PASSWORDS])
def test_a_password_reaches_the_hook_unchanged(tmp_path: Path, password: str) -> None:
    seen = []

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.password_check
        def check(user: User | None, given: str) -> bool:
            seen.append(given)
            return user is not None

    host = make_host(tmp_path, Clock(), wire)
    person = host.person()
    person.identify("bob")
    person.credential(password)
    assert person.me == "bob"
    person.post("/two-factor/password", password=password)
    assert seen == [password, password]


# Strange text


STRANGE = [
    *(b"%00", b"a%00b", b"%01%02", b"%0d%0a", b"%7f", b"%c2%85", b"%1b%5b31m"),
    *(b"%ff", b"%fe%ff", b"%c3%28", b"%e2%82", b"%f0%9f", b"%c0%af", b"%80"),
    *(b"%ed%a0%80", b"%ed%b0%80", b"%ed%a0%bd%ed%b8%80", b"%ef%bf%be", b"%ef%bf%bd", b"%f4%90%80%80"),
    *(b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"%", b"%zz", b"%u0041", b"%e2%80%ae", b"+", b"", b"%20"),
]


UNREADABLE = 400 if int(version("werkzeug").partition(".")[0]) >= 3 else 413
"""What Werkzeug answers to a form that is no UTF-8; 2.3 takes it for one that is too large."""


@pytest.mark.requirement("INP-06")
@pytest.mark.parametrize("page", WITH_FIELDS)
def test_strange_bytes_in_each_field_are_the_forms_own_failure(place: Place) -> None:
    state = place.host.app.extensions["twofactor"]
    for verb in ("log_in", "look_up", "sign_in"):  # or all but the first few would be refused before they are read
        vars(state.throttle)[verb] = lambda *_: Ticket(())
    for name in place.right:
        others = {key: text for key, text in place.right.items() if key != name}
        if name in TAKES:  # what is right in the rest would be done
            others = {key: "000000" if key == "code" else text for key, text in others.items()}
        pairs = [f"{key}={quote(text)}".encode() for key, text in {"csrf_token": place.token, **others}.items()]
        for value in STRANGE:
            answer = place.raw(b"&".join([*pairs, name.encode() + b"=" + value]))
            if not value.isascii():  # no client sends it: the body as a whole is no form then
                assert answer.status_code == UNREADABLE
            elif name in TAKES and answer.status_code == 302:
                assert place.person.get(str(answer.location)).status_code == 200
            else:
                assert answer.status_code == 200, value
    assert place.nothing_changed()


@pytest.mark.requirement("INP-06")
@pytest.mark.parametrize("value", STRANGE)
def test_a_strange_token_or_field_name_is_a_bad_request(enrolled: Host, value: bytes) -> None:
    place = Place(enrolled, "credential")
    refused = 400 if value.isascii() else UNREADABLE
    assert place.raw(b"password=x&csrf_token=" + value).status_code == refused
    assert place.raw(b"password=x&" + value + b"=x").status_code == refused


@pytest.mark.requirement("INP-06")
@pytest.mark.parametrize(
    "value", ["\x00", "a\x00b", "\x01", "\n", "\x7f", "\x85", "\x1b[31m", "\u0000alice"], ids=ascii
)
def test_a_name_with_a_control_character_is_no_user_id(enrolled: Host, value: str) -> None:
    answer = enrolled.person().post("/two-factor/identify", identifier="a" + value + "b")
    assert answer.status_code == 200
    assert alert(answer)


@pytest.mark.requirement("INP-06")
def test_strange_cookies_are_no_session_and_no_error(enrolled: Host) -> None:
    for value in ("x", "1.2.3", "\xff", "a|b", "1|" + "0" * 128, '"', "1." + "A" * 5000, ".", "1.é"):
        for name in ("session", "twofactor_remember"):
            cookie = f"{name}={value}".encode().decode("latin1")
            answer = enrolled.person().client.get("/two-factor/identify", environ_overrides={"HTTP_COOKIE": cookie})
            assert answer.status_code == 200


@pytest.fixture
def fuzzed(tmp_path: Path) -> Place:
    def wire(two_factor: TwoFactor) -> None:
        @two_factor.password_check  # cheap for nobody too: the default hashes, at every example
        def check(user: User | None, password: str) -> bool:
            return user is not None and user.check_password(password)

    host = make_host(tmp_path, Clock(), wire)
    host.enroll("alice")
    return Place(host, "credential")


def text_of_the_wire() -> Any:
    return st.text(max_size=80) | st.text(alphabet=" 0123456789-\u200b１٣", max_size=12) | st.just("x" * 2000)


@pytest.mark.requirement("INP-06", "INP-07")
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=text_of_the_wire(), code=text_of_the_wire(), identifier=text_of_the_wire(), remember=text_of_the_wire())
@example(password="\x00", code="\ud800", identifier="\udfff", remember="")
def test_no_text_in_the_credential_form_is_an_error(
    fuzzed: Place, password: str, code: str, identifier: str, remember: str
) -> None:
    fuzzed.host.clock.move(3600)
    fuzzed.person.identify("alice")
    fuzzed.token = csrf_token(fuzzed.person.get(fuzzed.path))
    fields = {"password": password, "code": code, "identifier": identifier, "remember": remember}
    pairs = {"csrf_token": fuzzed.token, **fields}.items()
    body = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in pairs)
    assert fuzzed.raw(body.encode()).status_code in (200, 413, 429)
    assert fuzzed.person.me is None


@pytest.mark.requirement("INP-06", "INP-07")
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(identifier=text_of_the_wire(), target=text_of_the_wire())
def test_no_text_in_the_identify_form_is_an_error(fuzzed: Place, identifier: str, target: str) -> None:
    token = csrf_token(fuzzed.person.get("/two-factor/identify"))
    body = f"csrf_token={quote(token)}&identifier={quote(identifier)}"
    path = f"/two-factor/identify?next={quote(target)}"
    answer = fuzzed.person.client.post(path, data=body, content_type=FORM)
    assert answer.status_code in (200, 302)
    assert answer.status_code == 200 or fuzzed.person.get(str(answer.location)).status_code == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Werkzeug's, at a file cut short
@pytest.mark.requirement("INP-06")
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([FORM, "multipart/form-data; boundary=x", "multipart/form-data"]))
@example(
    b'--x\r\nContent-Disposition: form-data; name="code"\r\n\r\n\xff\r\n--x--\r\n', "multipart/form-data; boundary=x"
)
@example(b"--x\r\nContent-Disposition: form-data; name=code; filename=f\r\n\r\nx", "multipart/form-data; boundary=x")
def test_no_bytes_are_an_error(fuzzed: Place, body: bytes, kind: str) -> None:
    assert fuzzed.raw(body, content_type=kind).status_code in (400, 413)


@pytest.mark.requirement("INP-07")
def test_every_value_is_text_where_the_hooks_get_it(tmp_path: Path) -> None:
    kinds: set[type] = set()

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.user_lookup
        def find(name: str) -> None:
            kinds.add(type(name))

        @two_factor.password_check
        def check(_: User | None, password: str) -> bool:
            kinds.add(type(password))
            return False

        @two_factor.normal_form
        def fold(typed: str) -> str:
            kinds.add(type(typed))
            return typed

    host = make_host(tmp_path, Clock(), wire)
    person = host.person()
    token = csrf_token(person.identify("x"))
    for fields in ({}, {"password": "1"}, {"password": "1", "code": "1", "remember": "1", "identifier": "1"}):
        data = {"csrf_token": token, **fields}
        assert person.client.post("/two-factor/credential", data=data).status_code == 200
        assert (
            person.client.post("/two-factor/credential", data=data, content_type="multipart/form-data").status_code
            == 200
        )
    assert kinds == {str}


def test_a_host_in_production_answers_the_same_without_testing(host: Host) -> None:
    app: Flask = host.app
    app.config["TESTING"] = False
    person: Person = host.person()
    person.log_in("bob")
    assert person.me == "bob"
