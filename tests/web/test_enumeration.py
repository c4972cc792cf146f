"""What the pages tell about names: both prompts, variants of a name, accounts whose life changes (section 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.support.host import Host, alert
from tests.support.watching import asks_code, bare, ghost, ghosts
from tests.timing import auc

MakeApp = Callable[..., Host]


def alike(answer: TestResponse, name: str) -> tuple[str, list[tuple[str, str]], str]:
    """Give what must be equal for names of any length."""
    status, headers, body = bare(answer, name)
    return status, [pair for pair in headers if pair[0] not in ("Content-Length", "Set-Cookie")], body


@pytest.mark.requirement("ENU-08")
def test_the_uniform_page_is_the_same_for_every_name(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_PROMPT="uniform")
    host.enroll("alice")
    pages = {}
    for name in ("alice", "bob", "nobody"):
        page = host.person().identify(name)
        assert asks_code(page)
        assert "only if you use two-factor authentication" in page.text
        pages[name] = alike(page, name)
    assert pages["alice"] == pages["bob"] == pages["nobody"]


@pytest.mark.requirement("ENU-08", "VER-06")
def test_uniform_failures_are_the_same_for_every_name(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_PROMPT="uniform")
    host.enroll("alice")
    answers = []
    for name, password, code in (
        ("alice", "alice-password", ""),
        ("alice", "wrong", host.code("alice")),
        ("bob", "wrong", ""),
        ("nobody", "wrong", "123456"),
    ):
        person = host.person()
        person.identify(name)
        answers.append(alike(person.credential(password, code), name))
    assert len({str(one) for one in answers}) == 1


@pytest.mark.requirement("ENU-08")
def test_with_the_uniform_page_everybody_logs_in_as_before(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_PROMPT="uniform")
    host.enroll("alice")
    assert host.person().log_in("alice").status_code == 302
    for code in ("", None, "123456", "junk"):
        person = host.person()
        person.identify("bob")
        assert person.credential("bob-password", code).status_code == 302
        assert person.me == "bob"


@pytest.mark.requirement("ENU-04")
@pytest.mark.parametrize("kind", ["enrolled", "without", "absent with box", "absent without box"])
def test_every_variant_of_a_name_gets_the_same_page(enrolled: Host, kind: str) -> None:
    given = {"enrolled": "alice", "without": "bob"}
    name = given.get(kind) or ghost(enrolled, box=kind == "absent with box")
    wide = "".join(chr(ord(char) + 0xFEE0) for char in name)
    variants = [name, name.upper(), name.title(), f"  {name} ", wide, f"{name.upper()} "]
    pages = {asks_code(enrolled.person().identify(variant)) for variant in variants}
    assert pages == {kind in ("enrolled", "absent with box")}


@pytest.mark.requirement("ENU-09")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_an_account_that_is_deactivated_keeps_its_page(enrolled: Host, name: str) -> None:
    before = alike(enrolled.person().identify(name), name)
    enrolled.users[name].active = False
    assert alike(enrolled.person().identify(name), name) == before


@pytest.mark.requirement("ENU-02")
def test_the_answer_for_a_name_never_changes(enrolled: Host) -> None:
    names = [*(name for _, name in zip(range(5), ghosts(enrolled, box=True), strict=False)), "alice", "bob"]
    first = [asks_code(enrolled.person().identify(name)) for name in names]
    enrolled.clock.move(40 * 24 * 3600)
    for name in names:
        person = enrolled.person()
        person.identify(name)
        assert alert(person.credential("wrong", "123456"))
    assert [asks_code(enrolled.person().identify(name)) for name in names] == first


@pytest.mark.parametrize(("a", "b", "value"), [([1, 2], [3, 4], 0.0), ([3, 4], [1, 2], 1.0), ([1, 2], [1, 2], 0.5)])
def test_the_statistic_of_the_timing_test_is_that_of_mann_and_whitney(
    a: list[float], b: list[float], value: float
) -> None:
    assert auc(a, b) == value
