"""``export`` and ``import``: factors taken out under a passphrase, and those of other consoles taken over."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import with_appcontext

from ..core import sealing
from ..core.foreign import SOURCES, By, Foreign, parse_wallet, read_factors
from ..core.tables import WRITERS, read_table
from ..flows import transfer
from ..flows.transfer import Outcome, Taken
from ..web.current import current_state
from .base import as_json, group, show, utc

_READ = 65536
_SUM = "{imported} imported ({weak} with a short secret), {skipped} skipped, {empty} without a secret, {failed} failed"
_existing = click.Path(exists=True, dir_okay=False, path_type=Path)
_passphrase_file = click.option(
    "--passphrase-file", type=_existing, help="The passphrase is the first line of this file; asked for, where absent."
)


class _Rows:
    """The rows of an export; says which secrets do not open, and remembers that there were such."""

    columns = ("key", "account", "uri", "since")

    def __init__(self, taken: Iterable[Taken]) -> None:
        self._taken = taken
        self.whole = True

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for one in self._taken:
            if one.uri:
                yield one.key, one.key, one.uri, utc(one.since) or ""
            else:
                self.whole = False
                click.echo(f"no key opens the secret of {one.key}: it is not in the export", err=True)


@group.command()
@click.option("--output", default="-", help="A new file, for you alone to read; standard output, where absent.")
@click.option("--format", "form", type=click.Choice(list(WRITERS)), default="jsonl", help="What a row looks like.")
@_passphrase_file
@click.option("--plain", is_flag=True, help="Do not seal: whoever reads the output can make everybody's codes.")
@click.option("--by", default=None, help="Who does it, for the record; you, where absent.")
@with_appcontext
def export(output: str, form: str, passphrase_file: Path | None, plain: bool, by: str | None) -> None:
    """Write the factor of every account, sealed under a passphrase, for `import` to read."""
    with _open_output(output, sealed=not plain) as file:
        header = sealing.new_header()
        key = b"" if plain else sealing.derive_key(_new_passphrase(passphrase_file), header)
        if plain:
            click.echo("Warning: the secrets are in the clear. Whoever reads them makes everybody's codes.", err=True)
        with contextlib.closing(transfer.export(current_state(), by or getpass.getuser(), not plain)) as taken:
            rows = _Rows(taken)
            body = WRITERS[form](rows.columns, rows)
            for piece in body if plain else sealing.seal(body, key, header):
                file.write(piece)
    if not rows.whole:
        raise SystemExit(1)


@group.command("import")
@click.argument("file", type=_existing)
@click.option("--from", "kind", type=click.Choice(list(SOURCES)), default="twofactor", help="What wrote the file.")
@click.option("--by", type=click.Choice(["name", "key"]), help="Whether a row has a user ID or the account's key.")
@click.option("--name-column", help="The column that says whose a factor is.")
@click.option("--secret-column", help="The column of the secret.")
@click.option("--secrets-file", type=_existing, help="SECURITY_TOTP_SECRETS of Flask-Security-Too, as JSON.")
@_passphrase_file
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
@as_json
@with_appcontext
def import_(
    file: Path,
    kind: str,
    by: By | None,
    name_column: str | None,
    secret_column: str | None,
    secrets_file: Path | None,
    passphrase_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over the factors in FILE, JSON lines or CSV, sealed or not; one that stands is never overwritten."""
    source = SOURCES[kind]
    by = by or source.by
    wallet = parse_wallet(secrets_file.read_bytes()) if secrets_file else {}
    columns = source.columns(by, name_column, secret_column)
    with file.open("rb") as stream:
        factors = read_factors(read_table(_plain(stream, passphrase_file)), source.read, columns, wallet)
        failed = _take_over(factors, by, dry_run, as_json)
    if failed:
        raise SystemExit(1)


def _take_over(factors: Iterable[Foreign], by: By, dry_run: bool, as_json: bool) -> int:
    """Import, print each outcome and at the end the sum, also where the file breaks off; give how many failed."""
    count: Counter[str] = Counter()
    try:
        for one in transfer.take_over(current_state(), factors, by, dry_run):
            count.update([one.verdict] + ["weak"] * one.weak)
            _show_outcome(one, dry_run, as_json)
    finally:
        numbers = {name: count[name] for name in ("imported", "weak", "skipped", "empty", "failed")}
        text = ("nothing was written: " if dry_run else "") + _SUM.format(**numbers)
        show({**numbers, "dry_run": dry_run}, text, as_json)
    return count["failed"]


def _show_outcome(one: Outcome, dry_run: bool, as_json: bool) -> None:
    if as_json:
        values = {"line": one.line, "outcome": one.verdict, "key": one.key, "weak": one.weak, "reason": one.reason}
        show({**values, "dry_run": dry_run}, "", as_json)
    elif one.verdict == "failed":
        click.echo(f"line {one.line}: failed, {one.reason}", err=True)
    elif one.verdict != "empty":
        why = "its secret is short: have it set up anew" if one.weak else one.reason
        click.echo(f"line {one.line}: {one.key} {one.verdict}{why and ', ' + why}")


@contextlib.contextmanager
def _open_output(name: str, sealed: bool) -> Iterator[BinaryIO]:
    """Open a new file of mode 0600, of which nothing stays where it was not written whole; or standard output."""
    if name == "-":
        if sealed and sys.stdout.isatty():
            raise click.UsageError("a sealed export is no text for a terminal; give it a file: --output FILE")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = open(name, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115 - closed below
    except OSError as error:
        raise click.ClickException(f"{name}: {error.strerror}") from None
    with contextlib.ExitStack() as undo:
        undo.callback(os.unlink, name)
        with file:
            yield file
        undo.pop_all()


def _plain(stream: BinaryIO, passphrase_file: Path | None) -> Iterator[bytes]:
    """Give what is in a file, opened where it is sealed."""
    head = stream.read(sealing.HEADER_SIZE)
    body = iter(lambda: stream.read(_READ), b"")
    if not sealing.is_sealed(head):
        return itertools.chain([head], body)
    header = sealing.parse_header(head)
    key = sealing.derive_key(_passphrase(passphrase_file), header)
    return sealing.unseal(body, key, header)


def _new_passphrase(file: Path | None) -> str:
    passphrase = _passphrase(file, confirmation_prompt=True)
    if len(passphrase) < sealing.MIN_PASSPHRASE:
        raise click.ClickException(f"a passphrase has at least {sealing.MIN_PASSPHRASE} characters")
    return passphrase


def _passphrase(file: Path | None, confirmation_prompt: bool = False) -> str:
    if file is None:
        asked = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmation_prompt, err=True)
        return str(asked)
    with file.open(encoding="utf-8", errors="surrogateescape") as lines:
        return lines.readline().rstrip("\n")
