"""``flask twofactor export`` and ``import``, as an operator types them; and nobody scans again."""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import os
import pty
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flask_twofactor.core import sealing
from flask_twofactor.core.records import Enrolment
from tests.support.authenticator import oathtool_code
from tests.support.host import Host
from tests.support.watching import Heard, broken_store, dump, rows, state_of, tamper

PASSPHRASE = "correct horse battery"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SHORT = "JBSWY3DPEHPK3PXP"
ENCRYPTED = (
    '{"enckey":{"c":14,"k":"OSIJQVDIKH4HV7WMPZ45M3BJNLOLHZ25","s":"3BN6XPOXHKT5IGXDDRBQ","t":"2","v":1},'
    '"type":"totp","v":1}'
)
"""`SECRET` as passlib encrypted it under the application secret "the second one" with the tag 2."""


def run(host: Host, *arguments: str | Path, answer: str | None = None) -> Result:
    return host.app.test_cli_runner().invoke(args=["twofactor", *map(str, arguments)], input=answer)


def secrets_of(host: Host) -> dict[str, str | None]:
    """Give the secret of every account that has the factor."""
    with host.app.app_context():
        state = state_of(host)
        return {one.subject: state.open_secret(one) for one in state.store.enrolments()}


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new files cost little; the cost that they have is looked at in ``tests/core``."""
    monkeypatch.setattr(sealing, "new_header", lambda: sealing.Header(os.urandom(16), log_n=10))


@pytest.fixture
def word(tmp_path: Path) -> Path:
    """A file with the passphrase."""
    file = tmp_path / "word"
    file.write_text(PASSPHRASE + "\n")
    return file


@pytest.fixture
def elsewhere(make_app: Callable[..., Host], tmp_path: Path) -> Host:
    """Another installation of the console, with another key, where nobody has the factor."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return make_app(folder=folder, SECRET_KEY="another key, just as long as it has to be: 0123456789")


# --- there and back


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_sealed_export_is_imported_by_another_installation_and_its_people_log_in(
    enrolled: Host, elsewhere: Host, tmp_path: Path, word: Path, form: str
) -> None:
    file = tmp_path / "factors.sealed"
    made = run(enrolled, "export", "--output", file, "--passphrase-file", word, "--format", form)
    assert (made.exit_code, made.output) == (0, "")
    taken = run(elsewhere, "import", file, "--passphrase-file", word)
    assert taken.exit_code == 0, taken.output
    assert taken.output.endswith("2 imported (0 with a short secret), 0 skipped, 0 without a secret, 0 failed\n")
    elsewhere.clock.move(60)
    person = elsewhere.person()
    person.identify("alice")
    person.credential("alice-password", oathtool_code(enrolled.secrets["alice"], elsewhere.clock.at))
    assert person.me == "alice"


def test_the_passphrase_is_asked_for_twice_and_then_once(enrolled: Host, elsewhere: Host, tmp_path: Path) -> None:
    file = tmp_path / "factors.sealed"
    made = run(enrolled, "export", "--output", file, answer=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert made.exit_code == 0
    assert PASSPHRASE not in made.output
    taken = run(elsewhere, "import", file, answer=f"{PASSPHRASE}\n")
    assert taken.exit_code == 0
    assert PASSPHRASE not in taken.output
    assert secrets_of(elsewhere) == secrets_of(enrolled)


def test_a_sealed_export_on_standard_output_holds_no_secret_and_nobody_s_name(enrolled: Host, word: Path) -> None:
    sealed = run(enrolled, "export", "--passphrase-file", word).stdout_bytes
    assert sealing.is_sealed(sealed)
    assert not [text for text in (*enrolled.secrets.values(), "otpauth", "since") if text.encode() in sealed]


def test_an_export_in_the_clear_is_json_lines_and_warns(enrolled: Host) -> None:
    made = run(enrolled, "export", "--plain")
    assert made.exit_code == 0
    assert made.stderr == "Warning: the secrets are in the clear. Whoever reads them makes everybody's codes.\n"
    assert [json.loads(line) for line in made.stdout.splitlines()] == [
        {
            "key": key,
            "account": key,
            "uri": f"otpauth://totp/host:{key}?secret={enrolled.secrets[name]}&issuer=host",
            "since": "2027-01-15T08:00:00Z",
        }
        for key, name in (("1", "alice"), ("3", "mallory"))
    ]


def test_an_export_as_csv_has_a_line_that_names_the_columns(enrolled: Host) -> None:
    table = list(csv.reader(io.StringIO(run(enrolled, "export", "--plain", "--format", "csv").stdout)))
    assert table[0] == ["key", "account", "uri", "since"]
    assert [row[0] for row in table[1:]] == ["1", "3"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_is_in_the_clear_is_imported_without_being_asked_for_a_passphrase(
    enrolled: Host, elsewhere: Host, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "factors"
    assert run(enrolled, "export", "--plain", "--format", form, "--output", file).exit_code == 0
    assert run(elsewhere, "import", file).exit_code == 0
    assert secrets_of(elsewhere) == secrets_of(enrolled)


# --- export


def test_the_file_is_new_and_for_its_owner_alone(enrolled: Host, tmp_path: Path, word: Path) -> None:
    file = tmp_path / "factors.sealed"
    assert run(enrolled, "export", "--output", file, "--passphrase-file", word).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    again = run(enrolled, "export", "--output", file, "--passphrase-file", word)
    assert (again.exit_code, again.stderr) == (1, f"Error: {file}: File exists\n")
    assert file.read_bytes() == before


def test_a_link_that_somebody_put_there_is_not_followed(enrolled: Host, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    assert run(enrolled, "export", "--plain", "--output", link).exit_code == 1
    assert not (tmp_path / "target").exists()


def test_nothing_stays_of_an_export_that_breaks_off(enrolled: Host, tmp_path: Path, word: Path) -> None:
    file = tmp_path / "factors.sealed"
    with broken_store(enrolled, "enrolments"):
        broken = run(enrolled, "export", "--output", file, "--passphrase-file", word)
    assert broken.exit_code == 1
    assert "Traceback" not in broken.output
    assert not file.exists()


@pytest.mark.parametrize("passphrase", ["", "eleven char", "two words\nand a second line"])
def test_a_passphrase_of_fewer_than_twelve_characters_is_refused(
    enrolled: Host, tmp_path: Path, passphrase: str
) -> None:
    (tmp_path / "word").write_text(passphrase)
    file = tmp_path / "factors.sealed"
    result = run(enrolled, "export", "--output", file, "--passphrase-file", tmp_path / "word")
    assert (result.exit_code, result.stderr) == (1, "Error: a passphrase has at least 12 characters\n")
    assert not file.exists()


@pytest.mark.slow
def test_sealed_bytes_are_not_written_to_a_terminal(word: Path, tmp_path: Path) -> None:
    (tmp_path / "console.py").write_text(
        "from flask import Flask\nfrom flask_login import LoginManager\nfrom flask_twofactor import TwoFactor\n"
        "app = Flask(__name__)\napp.config['SECRET_KEY'] = 'x' * 40\nLoginManager(app)\nTwoFactor(app)\n"
    )
    terminal, inside = pty.openpty()
    try:
        export = ["--app", "console", "twofactor", "export", "--passphrase-file", str(word)]
        command = [sys.executable, "-m", "flask", *export]
        done = subprocess.run(command, stdout=inside, stderr=subprocess.PIPE, cwd=tmp_path, text=True, check=False)
    finally:
        os.close(inside)
        os.close(terminal)
    assert done.returncode == 2
    assert "a sealed export is no text for a terminal; give it a file: --output FILE" in done.stderr


def test_a_secret_that_no_key_opens_is_named_and_the_others_are_exported(enrolled: Host) -> None:
    tamper(enrolled, "UPDATE twofactor_enrolment SET sealed = '1.broken' WHERE subject = '1'")
    result = run(enrolled, "export", "--plain")
    assert result.exit_code == 1
    assert "no key opens the secret of 1: it is not in the export" in result.stderr
    assert [json.loads(line)["key"] for line in result.stdout.splitlines()] == ["3"]


def test_a_large_export_is_written_while_it_is_read(enrolled: Host, tmp_path: Path, word: Path) -> None:
    """Counted at the store: whatever was read is in the file, but for a chunk or two and what Python buffers."""
    file, held = tmp_path / "factors.sealed", []

    class Many:
        def __init__(self, store: Any) -> None:
            self.store = store

        def __getattr__(self, verb: str) -> Any:
            return getattr(self.store, verb)

        def enrolments(self) -> Iterator[Enrolment]:
            [one] = self.store.factor("1").authenticators
            for number in range(4000):
                held.append(number * 100 - file.stat().st_size)  # a row has more than 100 bytes
                yield one

    with enrolled.app.app_context():
        state = state_of(enrolled)
        state.__dict__["store"] = Many(state.store)
    assert run(enrolled, "export", "--output", file, "--passphrase-file", word).exit_code == 0
    assert file.stat().st_size > 4000 * 100
    assert max(held) < 3 * sealing.CHUNK


@pytest.mark.requirement("LOG-01")
def test_an_export_is_recorded_with_how_many_and_by_whom(enrolled: Host, word: Path) -> None:
    run(enrolled, "export", "--passphrase-file", word, "--by", "ann")
    event = [row for row in rows(enrolled, "twofactor_event") if row["kind"] == "twofactor-exported"][-1]
    assert json.loads(event["details"]) == {"by": "ann", "count": 2, "sealed": True}


# --- import


@pytest.mark.parametrize(
    ("kind", "table", "options"),
    [
        ("base32", f"username,otp_secret\nbob,{SHORT.lower()}\n", ()),
        (
            "base32",
            f'{{"login": "bob", "totp": "{SHORT[:8]} {SHORT[8:]}"}}',
            ("--name-column", "login", "--secret-column", "totp"),
        ),
        ("base32", f"id,otp_secret\n2,{SHORT}\n", ("--by", "key")),
        (
            "flask-security",
            json.dumps({"email": "bob", "tf_totp_secret": f'{{"v":1,"type":"totp","key":"{SHORT}"}}'}),
            (),
        ),
        ("django-otp", f"username,key,digits,step,t0,drift\nbob,{base64.b32decode(SHORT).hex()},6,30,0,0\n", ()),
        ("twofactor", f'{{"key": "2", "uri": "otpauth://totp/x:bob?secret={SHORT}"}}', ()),
        ("twofactor", f"account,uri\nbob,otpauth://totp/x:bob?secret={SHORT}\n", ("--by", "name")),
    ],
)
def test_somebody_with_an_80_bit_secret_of_another_console_logs_in_without_scanning(
    host: Host, tmp_path: Path, kind: str, table: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "table").write_text(table)
    result = run(host, "import", tmp_path / "table", "--from", kind, *options)
    assert result.exit_code == 0, result.output
    assert "2 imported, its secret is short: have it set up anew\n" in result.output
    host.clock.move(60)
    person = host.person()
    person.identify("bob")
    person.credential("bob-password")
    assert person.me is None
    person.identify("bob")
    person.credential("bob-password", oathtool_code(SHORT, host.clock.at))
    assert person.me == "bob"


@pytest.mark.parametrize("secrets", ['{"2": "the second one"}', "1: first\n2: the second one\n"])
def test_what_flask_security_encrypted_is_imported_with_its_application_secrets(
    host: Host, tmp_path: Path, secrets: str
) -> None:
    with (tmp_path / "users.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("email", "tf_primary_method", "tf_totp_secret"),
                ("bob", "authenticator", ENCRYPTED),
                ("carol", "sms", ENCRYPTED),
                ("alice", "", ""),
            ]
        )
    (tmp_path / "secrets").write_text(secrets)
    arguments = ("import", tmp_path / "users.csv", "--from", "flask-security")
    without = run(host, *arguments)
    assert "line 2: failed, none of the application secrets has the tag that it is encrypted under" in without.stderr
    result = run(host, *arguments, "--secrets-file", tmp_path / "secrets")
    assert result.exit_code == 1
    assert result.stdout == (
        "line 2: 2 imported\n1 imported (0 with a short secret), 0 skipped, 1 without a secret, 1 failed\n"
    )
    assert result.stderr == "line 3: failed, its codes do not come from an authenticator app (tf_primary_method)\n"
    assert secrets_of(host) == {"2": SECRET}


@pytest.fixture
def mixed(enrolled: Host, tmp_path: Path) -> Path:
    """A table of somebody with a factor, three to import, one without, and two bad rows."""
    file = tmp_path / "users.csv"
    lines = ["username,otp_secret", f"alice,{SECRET}", f"bob,{SECRET}", "carol,"]
    file.write_text("\n".join([*lines, f"nobody,{SECRET}", "carol,GEZDGNBVGY", f"carol,{SHORT}"]) + "\n")
    return file


def test_what_stands_is_skipped_a_bad_row_is_told_by_its_line_and_the_others_go_on(enrolled: Host, mixed: Path) -> None:
    before = secrets_of(enrolled)
    result = run(enrolled, "import", mixed, "--from", "base32")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "line 2: 1 skipped, the account already has a factor",
        "line 3: 2 imported",
        "line 7: 4 imported, its secret is short: have it set up anew",
        "2 imported (1 with a short secret), 1 skipped, 1 without a secret, 2 failed",
    ]
    assert result.stderr.splitlines() == [
        "line 5: failed, there is no such account",
        "line 6: failed, it is no secret of 80 to 512 bits",
    ]
    assert secrets_of(enrolled) == {**before, "2": SECRET, "4": SHORT}


def test_the_outcomes_as_json_are_one_object_a_row_and_the_sum(enrolled: Host, mixed: Path) -> None:
    result = run(enrolled, "import", mixed, "--from", "base32", "--json")
    *found, total = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["line"], one["outcome"], one["key"], one["weak"]) for one in found] == [
        (2, "skipped", "1", False),
        (3, "imported", "2", False),
        (4, "empty", "", False),
        (5, "failed", "", False),
        (6, "failed", "", False),
        (7, "imported", "4", True),
    ]
    assert total == {"imported": 2, "weak": 1, "skipped": 1, "empty": 1, "failed": 2, "dry_run": False}
    assert result.stderr == ""


def test_a_dry_run_says_what_would_happen_and_writes_nothing(enrolled: Host, mixed: Path) -> None:
    before = dump(enrolled)
    dry = run(enrolled, "import", mixed, "--from", "base32", "--dry-run")
    assert dump(enrolled) == before
    wet = run(enrolled, "import", mixed, "--from", "base32")
    assert dry.exit_code == wet.exit_code == 1
    assert dry.stderr == wet.stderr
    assert dry.stdout == wet.stdout.replace("2 imported (", "nothing was written: 2 imported (")


def test_an_import_is_repeated_without_harm(enrolled: Host, mixed: Path) -> None:
    run(enrolled, "import", mixed, "--from", "base32")
    before = dump(enrolled)
    again = run(enrolled, "import", mixed, "--from", "base32")
    assert again.stdout.endswith("0 imported (0 with a short secret), 3 skipped, 1 without a secret, 2 failed\n")
    assert dump(enrolled) == before


@pytest.mark.requirement("LOG-01")
def test_each_imported_account_has_an_event_and_a_signal(host: Host, tmp_path: Path) -> None:
    heard = Heard(host)
    (tmp_path / "table").write_text(f"username,otp_secret\nbob,{SECRET}\ncarol,{SECRET}\n")
    run(host, "import", tmp_path / "table", "--from", "base32")
    assert [(name, values["subject"], values["how"]) for name, values in heard.events] == [
        ("enabled", "2", "imported"),
        ("enabled", "4", "imported"),
    ]
    kept = [(row["kind"], row["subject"], row["details"]) for row in rows(host, "twofactor_event")]
    assert kept == [("twofactor-enabled", number, '{"how": "imported"}') for number in ("2", "4")]


def test_an_import_ends_the_sessions_that_were_begun_without_the_factor(host: Host, tmp_path: Path) -> None:
    person = host.person()
    person.log_in("bob")
    assert person.me == "bob"
    (tmp_path / "table").write_text(f"username,otp_secret\nbob,{SECRET}\n")
    run(host, "import", tmp_path / "table", "--from", "base32")
    assert person.me is None


# --- files that are not what they should be


@pytest.fixture
def sealed(enrolled: Host, tmp_path: Path, word: Path) -> Path:
    file = tmp_path / "factors.sealed"
    run(enrolled, "export", "--output", file, "--passphrase-file", word)
    return file


def altered(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (altered, "the passphrase is wrong, or the file was altered"),
        (lambda data: data[:-1], "the passphrase is wrong, or the file was altered"),
        (lambda data: data[:20], "the sealed file is cut off"),
        (
            lambda data: data[:16] + b"\xff" + data[17:],
            "the sealed file asks for a cost of scrypt that no file of ours has",
        ),
    ],
)
def test_a_sealed_file_that_was_tampered_with_is_refused_in_a_line(
    elsewhere: Host, sealed: Path, word: Path, change: Callable[[bytes], bytes], reason: str
) -> None:
    sealed.write_bytes(change(sealed.read_bytes()))
    result = run(elsewhere, "import", sealed, "--passphrase-file", word)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {reason}\n"
    assert secrets_of(elsewhere) == {}


def test_a_wrong_passphrase_is_told(elsewhere: Host, sealed: Path) -> None:
    result = run(elsewhere, "import", sealed, answer="correct horse batterz\n")
    assert result.exit_code == 1
    assert "Error: the passphrase is wrong, or the file was altered" in result.stderr
    assert secrets_of(elsewhere) == {}


def test_a_table_without_the_column_is_told_what_to_name(host: Host, tmp_path: Path) -> None:
    (tmp_path / "table").write_text(f"bob,{SECRET}\n carol,{SHORT}\n")
    result = run(host, "import", tmp_path / "table", "--from", "base32")
    assert result.exit_code == 1
    assert "there is no column 'username'; the first line of CSV names the columns" in result.stderr
    assert SECRET not in result.output


@pytest.mark.requirement("LOG-02")
def test_no_secret_is_in_the_output_the_log_or_an_exception(
    host: Host, tmp_path: Path, word: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows that are wrong in every way that there is, each with a secret of its own."""
    caplog.set_level(logging.DEBUG)
    chance = random.Random(7)
    texts = [base64.b32encode(chance.randbytes(20)).decode() for _ in range(12)]
    fine, *bad = texts
    shapes: list[Callable[[str], str]] = [
        lambda text: f"bob,{text}",
        lambda text: f"nobody,{text}",
        lambda text: f",{text}",
        lambda text: f"carol,{text},{text}",
        lambda text: f"carol,{text}1",
        lambda text: f"{text},{text}",
        lambda text: f'"{text}"x,{text}',
        lambda text: f"carol,otpauth://totp/x?secret={text}&digits=8",
        lambda text: f'carol,"{{""v"":1,""type"":""totp"",""key"":""{text}0""}}"',
        lambda text: f'carol,"{text}',
    ]
    lines = ["username,otp_secret", f"alice,{fine}", *(shape(text) for shape, text in zip(shapes, bad, strict=False))]
    (tmp_path / "table").write_text("\n".join(lines))
    said = []
    for kind in ("base32", "flask-security", "django-otp", "twofactor"):
        for options in ((), ("--json",), ("--dry-run",), ("--by", "key")):
            columns = ("--name-column", "username", "--secret-column", "otp_secret")
            result = run(host, "import", tmp_path / "table", "--from", kind, *columns, *options)
            assert result.exit_code == 1
            said += [result.output, repr(result.exception), str(result.exc_info)]
    said.append(run(host, "export", "--passphrase-file", word, "--output", tmp_path / "sealed").output)
    told = "\n".join([*said, caplog.text, *(str(row) for row in rows(host, "twofactor_event"))])
    assert [text for text in texts if text[:24] in told] == []
