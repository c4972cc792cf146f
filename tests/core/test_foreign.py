"""What other consoles keep of a secret, read into ours; what our log-in could not check is refused with the reason.

The JSON of passlib was made by passlib 1.9.4 (libpass), whose format is that of 1.7.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.foreign import (
    SOURCES,
    Columns,
    Foreign,
    from_base32,
    from_django,
    from_passlib,
    from_uri,
    parse_wallet,
    read_factors,
)
from flask_twofactor.core.tables import Row
from flask_twofactor.core.totp import LEAST_SECRET_BYTES, MAX_SECRET_BYTES, is_weak, provisioning_uri
from flask_twofactor.errors import UnreadableFile, UnusableSecret

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
POWERDNS = "JBSWY3DPEHPK3PXP"
"""80 bits, as PowerDNS-Admin and pyotp before 2.4 made them."""
NO_SECRET = r"^it is no secret of 80 to 512 bits$"

WALLET = {"1": b"the first application secret of the old console", "2": b"the second one"}
ENCRYPTED = [
    '{"enckey":{"c":14,"k":"2IFQH4EEPTH35O3IDZ5GMAIR7CYTXSTZ","s":"72PVH2X535526FOC7A7Q","t":"1","v":1},"type":"totp","v":1}',
    '{"enckey":{"c":14,"k":"OSIJQVDIKH4HV7WMPZ45M3BJNLOLHZ25","s":"3BN6XPOXHKT5IGXDDRBQ","t":"2","v":1},"type":"totp","v":1}',
]
PLAIN = '{"key":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","type":"totp","v":1}'

raws = st.binary(min_size=LEAST_SECRET_BYTES, max_size=MAX_SECRET_BYTES)


def plain(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")


def passlib(text: str, wallet: Mapping[str, bytes] = WALLET, **columns: str) -> str:
    return from_passlib({"totp": text, **columns}, "totp", wallet)


def django(**columns: str) -> str:
    return from_django({"key": b"12345678901234567890".hex(), **columns}, "key", {})


def uri(text: str) -> str:
    return from_uri({"uri": text}, "uri", {})


# --- base32


@given(raws)
def test_base32_is_read_in_either_case_with_spaces_and_with_or_without_padding(raw: bytes) -> None:
    secret = plain(raw)
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    spelled = [secret, secret.lower(), f" {secret}\n", grouped.lower(), base64.b32encode(raw).decode()]
    assert {from_base32({"s": text}, "s", {}) for text in spelled} == {secret}


@pytest.mark.parametrize("bits", [8, 40, 72, 520])
def test_base32_of_fewer_than_80_or_more_than_512_bits_is_refused(bits: int) -> None:
    with pytest.raises(UnusableSecret, match=NO_SECRET):
        from_base32({"s": plain(bytes(bits // 8))}, "s", {})


@pytest.mark.parametrize(("bits", "weak"), [(80, True), (120, True), (128, False), (160, False)])
def test_a_secret_below_the_floor_of_rfc_4226_is_weak(bits: int, weak: bool) -> None:
    assert is_weak(plain(bytes(bits // 8))) is weak


# --- otpauth URIs


@given(raws, st.text(max_size=20), st.text(max_size=20))
def test_a_uri_of_ours_is_read_whatever_the_names_in_it(raw: bytes, account: str, issuer: str) -> None:
    assert uri(provisioning_uri(plain(raw), account, issuer)) == plain(raw)


@pytest.mark.parametrize(
    "text",
    [
        f"otpauth://totp/x?secret={SECRET}",
        f"otpauth://totp/Old:x?secret={SECRET.lower()}&issuer=Old&algorithm=SHA1&digits=6&period=30",
        f" otpauth://TOTP/x?secret={SECRET}&algorithm=sha-1\n",
    ],
)
def test_a_uri_that_says_what_we_take_is_read(text: str) -> None:
    assert uri(text) == SECRET


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"otpauth://totp/x?secret={SECRET}&algorithm=SHA256", "its algorithm is not SHA-1"),
        (f"otpauth://totp/x?secret={SECRET}&digits=8", "its codes have not six digits"),
        (f"otpauth://totp/x?secret={SECRET}&digits=", "its codes have not six digits"),
        (f"otpauth://totp/x?secret={SECRET}&period=60", "its codes do not change every 30 seconds"),
        (f"otpauth://totp/x?secret={SECRET}&digits=6&digits=8", "its codes have not six digits"),
        (f"otpauth://hotp/x?secret={SECRET}&counter=1", "it is no otpauth://totp/ URI with one secret"),
        (f"https://totp/x?secret={SECRET}", "it is no otpauth://totp/ URI with one secret"),
        (f"otpauth://totp/x?secret={SECRET}&secret={SECRET}", "it is no otpauth://totp/ URI with one secret"),
        ("otpauth://totp/x", "it is no otpauth://totp/ URI with one secret"),
        (f"otpauth://[x/?secret={SECRET}", "it is no otpauth URI"),
        (f"otpauth://totp/x?secret={SECRET}" + "&a=1" * 100, "it is no otpauth URI"),
        ("otpauth://totp/x?secret=AAAA", "it is no secret of 80 to 512 bits"),
        (SECRET, "it is no otpauth://totp/ URI with one secret"),
    ],
)
def test_any_other_uri_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UnusableSecret) as refused:
        uri(text)
    assert str(refused.value) == reason


# --- Flask-Security-Too: passlib


@pytest.mark.parametrize("text", ENCRYPTED)
def test_what_passlib_encrypted_is_read_with_the_application_secret_of_its_tag(text: str) -> None:
    assert passlib(text) == SECRET


def test_what_passlib_did_not_encrypt_is_read() -> None:
    assert passlib(PLAIN, {}) == SECRET
    assert passlib(PLAIN.replace('"v"', '"alg":"sha1","digits":6,"period":30,"label":"x","v"'), {}) == SECRET


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"alg": "sha256"}, "its algorithm is not SHA-1"),
        ({"digits": 8}, "its codes have not six digits"),
        ({"period": 60}, "its codes do not change every 30 seconds"),
        ({"v": 2}, "it is no JSON of passlib's TOTP, version 1"),
        ({"type": "hotp"}, "it is no JSON of passlib's TOTP, version 1"),
        ({"key": "AAAA"}, "it is no secret of 80 to 512 bits"),
        ({"key": None}, "it is no secret of 80 to 512 bits"),
        ({"enckey": None}, "it is no key that passlib encrypted, version 1"),
        ({"enckey": SECRET}, "it is no key that passlib encrypted, version 1"),
    ],
)
def test_any_other_json_of_passlib_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnusableSecret) as refused:
        passlib(json.dumps({**json.loads(PLAIN), **change}))
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"c": 21}, {"c": -1}, {"c": 10**6}, {"c": "14"}, {"s": ""}, {"s": 1}, {"k": "1"}, {"k": "\u00e9"}],
)
def test_an_encrypted_key_that_passlib_would_not_have_made_is_refused_without_work(change: dict[str, Any]) -> None:
    found = json.loads(ENCRYPTED[0])
    with pytest.raises(UnusableSecret, match=r"^it is no key that passlib encrypted, version 1$"):
        passlib(json.dumps({**found, "enckey": {**found["enckey"], **change}}))


@pytest.mark.parametrize("wallet", [{}, {"3": WALLET["1"]}])
def test_an_encrypted_key_without_its_application_secret_is_refused(wallet: dict[str, bytes]) -> None:
    with pytest.raises(UnusableSecret, match=r"^none of the application secrets has the tag"):
        passlib(ENCRYPTED[0], wallet)


@pytest.mark.parametrize("text", ["", "[]", "null", SECRET, '{"v": 1', "[" * 60_000])
def test_a_text_that_is_no_json_of_passlib_is_refused(text: str) -> None:
    with pytest.raises(UnusableSecret, match=r"^it is no JSON of passlib's TOTP, version 1$"):
        passlib(text)


def test_codes_that_came_by_sms_or_mail_are_no_factor_that_an_app_has() -> None:
    assert passlib(PLAIN, tf_primary_method="authenticator") == SECRET
    for method in ("sms", "email", "mail", ""):
        with pytest.raises(UnusableSecret, match=r"^its codes do not come from an authenticator app"):
            passlib(PLAIN, tf_primary_method=method)


@pytest.mark.parametrize(
    "text",
    [
        '{"1": "the first application secret of the old console", "2": "the second one"}',
        "# ours\n1: the first application secret of the old console\n\n 2 :the second one\r\n",
        "\ufeff1: the first application secret of the old console\n2: the second one",
    ],
)
def test_application_secrets_are_read_in_both_forms_of_passlib(text: str) -> None:
    assert parse_wallet(text.encode()) == WALLET


@pytest.mark.parametrize("text", ["{", '{"1": 2}', '{"1": ""}', "a secret alone", "1:"])
def test_anything_else_is_no_file_of_application_secrets(text: str) -> None:
    with pytest.raises(
        UnreadableFile, match=r"^the file of secrets is neither a JSON object nor lines of tag: secret$"
    ):
        parse_wallet(text.encode())


# --- django-otp


@given(raws)
def test_a_hexadecimal_key_is_read(raw: bytes) -> None:
    assert django(key=raw.hex()) == django(key=raw.hex().upper()) == plain(raw)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"digits": "6", "step": "30", "t0": "0", "drift": "0", "confirmed": "1", "tolerance": "1", "last_t": "-1"},
        {"digits": "", "step": "", "t0": "", "drift": "", "confirmed": "t"},
        {"drift": "-1", "confirmed": "True"},
        {"drift": "1", "confirmed": "true"},
    ],
)
def test_a_device_with_the_defaults_of_django_otp_is_read(columns: dict[str, str]) -> None:
    assert django(**columns) == SECRET


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"digits": "8"}, "its codes have not six digits"),
        ({"step": "60"}, "its codes do not change every 30 seconds"),
        ({"t0": "5"}, "its steps are not counted from 1970 on (t0)"),
        ({"drift": "2"}, "the clock of the authenticator is too far off (drift)"),
        ({"drift": "-12"}, "the clock of the authenticator is too far off (drift)"),
        ({"confirmed": "False"}, "its owner never confirmed it"),
        ({"confirmed": "0"}, "its owner never confirmed it"),
        ({"confirmed": "f"}, "its owner never confirmed it"),
        ({"key": "not hexadecimal"}, "it is no key in hexadecimal"),
        ({"key": "00ff"}, "it is no secret of 80 to 512 bits"),
    ],
)
def test_any_other_device_is_refused_with_the_reason(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(UnusableSecret) as refused:
        django(**columns)
    assert str(refused.value) == reason


# --- tables of them


def factors(*rows: Row, account: str = "username", secret: str = "otp_secret") -> list[Foreign]:
    return list(read_factors(rows, from_base32, Columns(account, secret), {}))


def row(line: int = 2, username: str = "alice", otp_secret: str = SECRET) -> Row:
    return Row(line, {"username": username, "otp_secret": otp_secret})


def test_a_row_gives_the_account_and_its_secret() -> None:
    assert factors(row()) == [Foreign(2, "alice", SECRET)]


@pytest.mark.parametrize("nothing", ["", " ", "NULL", "null", "None", r"\N"])
def test_a_row_without_a_secret_is_an_account_without_a_factor(nothing: str) -> None:
    assert factors(row(otp_secret=nothing)) == [Foreign(2, "alice", "")]


def test_a_bad_row_has_its_problem_and_the_others_are_read() -> None:
    found = factors(
        row(2),
        row(3, otp_secret="AAAA"),
        row(4, username=""),
        row(5, username="al\ufffdce"),
        Row(6, problem="it is no row of CSV"),
        Row(7, {"username": "alice"}),
        row(8, username=SECRET),
        row(9),
    )
    assert [(one.line, one.problem) for one in found] == [
        (2, ""),
        (3, "it is no secret of 80 to 512 bits"),
        (4, "it does not say whose it is"),
        (5, "it is no UTF-8"),
        (6, "it is no row of CSV"),
        (7, "it has no 'otp_secret'"),
        (8, "its account is its secret"),
        (9, ""),
    ]
    assert {one.secret for one in found if one.problem} == {""}


@pytest.mark.parametrize("missing", ["username", "otp_secret"])
def test_a_table_without_a_column_is_refused_and_what_stands_in_its_first_line_is_not_told(missing: str) -> None:
    columns = {"username": "alice", "otp_secret": SECRET, SECRET: POWERDNS}
    del columns[missing]
    with pytest.raises(UnreadableFile) as refused:
        factors(Row(2, columns))
    assert str(refused.value) == f"there is no column {missing!r}; the first line of CSV names the columns"


@pytest.mark.parametrize(
    ("source", "by_name", "by_key"),
    [
        ("twofactor", Columns("account", "uri"), Columns("key", "uri")),
        ("base32", Columns("username", "otp_secret"), Columns("id", "otp_secret")),
        ("flask-security", Columns("email", "tf_totp_secret"), Columns("id", "tf_totp_secret")),
        ("django-otp", Columns("username", "key"), Columns("user_id", "key")),
    ],
)
def test_each_source_has_the_columns_that_its_program_has(source: str, by_name: Columns, by_key: Columns) -> None:
    assert SOURCES[source].columns("name", None, None) == by_name
    assert SOURCES[source].columns("key", None, None) == by_key
    assert SOURCES[source].columns("key", "a", "b") == SOURCES[source].columns("name", "a", "b") == Columns("a", "b")


@pytest.mark.requirement("STO-12")
def test_a_factor_from_elsewhere_does_not_show_its_secret() -> None:
    assert SECRET not in repr(factors(row()))


@pytest.mark.requirement("LOG-02")
@pytest.mark.parametrize("source", SOURCES)
@given(st.data())
def test_no_reason_holds_any_of_what_was_refused(source: str, data: st.DataObject) -> None:
    text = data.draw(st.text(alphabet="ABCDEFGHJKMNPQRSTUVWXYZ234567", min_size=9, max_size=15))
    for spelled in (text, f"otpauth://totp/x?secret={text}", json.dumps({"v": 1, "type": "totp", "key": text})):
        with pytest.raises(UnusableSecret) as refused:
            SOURCES[source].read({"": spelled}, "", WALLET)
        assert text not in str(refused.value)
