"""The QR code: inline, without a style, and read back by a program that is not ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_twofactor import TwoFactor
from flask_twofactor.core.totp import provisioning_uri
from flask_twofactor.web.qr import qr_svg
from tests.support.authenticator import rsvg_draw, zbar_read
from tests.support.host import Clock, Host, Person, make_host

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
LABELS = {
    "short": ("a", "b"),
    "usual": ("sam@harbor.test", "Harbor"),
    "longest": ("x" * 3000, "y" * 3000),
    "longest when escaped": ("語" * 3000, "港" * 3000),
    "hostile": ("\"'><svg onload=x>&secret=AAAA", "%41 & Co: Ltd"),
}


def image_of(page: str) -> str:
    """Give the one inline SVG with a role: the QR code."""
    found = re.findall(r'<svg[^>]*role="img".*?</svg>', page, re.S)
    assert len(found) == 1
    return str(found[0])


def as_file(svg: str) -> str:
    """Give an inline SVG as a file of its own, which needs the namespace."""
    return str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


@pytest.mark.parametrize(("account", "issuer"), LABELS.values(), ids=LABELS)
@pytest.mark.requirement("ENR-13")
def test_a_scanner_reads_back_every_uri(tmp_path: Path, account: str, issuer: str) -> None:
    uri = provisioning_uri(SECRET, account, issuer)
    assert zbar_read(rsvg_draw(as_file(qr_svg(uri)), tmp_path / "qr.png")) == uri


@pytest.mark.parametrize("number", range(8))
def test_a_scanner_reads_back_keys_of_all_kinds(tmp_path: Path, number: int) -> None:
    """The mask is always the same one: other bits make other patterns under it."""
    secret = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(number * 7 + place * place) % 32] for place in range(32))
    uri = provisioning_uri(secret, "sam@harbor.test", "Harbor")
    assert zbar_read(rsvg_draw(as_file(qr_svg(uri)), tmp_path / "qr.png")) == uri


@pytest.mark.requirement("HDR-03")
@pytest.mark.parametrize(("account", "issuer"), LABELS.values(), ids=LABELS)
def test_the_image_has_no_style_no_script_and_no_reference(account: str, issuer: str) -> None:
    svg = qr_svg(provisioning_uri(SECRET, account, issuer))
    assert set(re.findall(r"<(\w+)", svg)) == {"svg", "path"}
    attributes = set(re.findall(r'([\w:-]+)="', svg))
    assert attributes == {"class", "role", "aria-label", "viewBox", "shape-rendering", "fill", "stroke", "d"}
    assert "otpauth" not in svg
    assert SECRET not in svg


def test_the_image_has_the_quiet_zone_of_four_modules(tmp_path: Path) -> None:
    svg = qr_svg(provisioning_uri(SECRET, "sam@harbor.test", "Harbor"))
    size = int(re.findall(r'viewBox="0 0 (\d+) \1"', svg)[0])
    rows = re.findall(r"M(\d+) (\d+)\.5((?:m\d+ 0h\d+)+)", svg)
    assert [int(y) for _, y, _ in rows] == list(range(4, size - 4))
    for x, _, moves in rows:
        numbers = [int(number) for number in re.findall(r"m(\d+) 0h(\d+)", moves) for number in number]
        assert int(x) >= 4
        assert int(x) + sum(numbers) <= size - 4


@pytest.mark.requirement("ENR-14", "ACC-05")
def test_the_set_up_page_draws_the_code_of_the_key_it_shows_as_text_and_as_a_link(
    client: Person, tmp_path: Path
) -> None:
    client.log_in("alice")
    page = client.begin_setup().text
    uri = zbar_read(rsvg_draw(as_file(image_of(page)), tmp_path / "qr.png"))
    assert parse_qs(urlsplit(uri).query)["secret"] == [client.secret]
    key = re.findall(r'<code[^>]*id="tf-key"[^>]*>(.*?)</code>', page, re.S)[0]
    shown = re.sub(r"<[^>]+>", "", key)
    assert [len(group) for group in shown.split()] == [4] * 8
    assert shown.replace(" ", "") == client.secret
    assert re.search(r'aria-label="[^"]+"', image_of(page))


@pytest.mark.requirement("ENR-14")
def test_no_page_loads_an_image_or_anything_of_another_host(make_app: Callable[..., Host], tmp_path: Path) -> None:
    host = make_app()
    person = host.person()
    person.log_in("alice")
    page = person.begin_setup().text
    assert "<img" not in page
    assert {urlsplit(found).scheme for found in re.findall(r'(?:src|href|action)="([^"]+)"', page)} == {"", "otpauth"}
    assert not re.search(r'(?:src|href|action)="//', page)
    kinds = set()
    for rule in host.app.url_map.iter_rules():
        if rule.endpoint.startswith("twofactor.") and not rule.arguments:
            kinds.add(person.get(rule.rule).mimetype)
    assert kinds == {"text/html"}


def test_the_set_up_page_is_no_larger_than_16_kilobytes(tmp_path: Path, clock: Clock) -> None:
    """With the longest label too; a longer name of the account counts with its own length."""

    def wire(two_factor: TwoFactor) -> None:
        two_factor.account_name(lambda user: "x" * 254 if user.username == "alice" else user.username)

    host = make_host(tmp_path, clock, wire, TWOFACTOR_ISSUER="y" * 40)
    for name in ("alice", "bob"):
        person = host.person()
        person.log_in(name)
        page = person.begin_setup()
        assert len(page.data) <= 16 * 1024
        uri = zbar_read(rsvg_draw(as_file(image_of(page.text)), tmp_path / "qr.png"))
        assert parse_qs(urlsplit(uri).query)["secret"] == [person.secret]
