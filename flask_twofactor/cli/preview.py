"""``preview``: every page in every state, in a browser or as pictures, while a console is developed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from werkzeug.debug import DebuggedApplication

from ..preview import chromium
from ..preview.gallery import ADDRESS, Gallery
from ..preview.shots import listen, take
from ..web.current import current_state
from ..wiring import complete
from .base import group


@group.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5050, show_default=True, help="On this machine; 0: any.")
@click.option("--shots", type=click.Path(file_okay=False), help="Write pictures into this folder, and serve nothing.")
@click.option("--brand", "brands", multiple=True, help="This brand alone, by its key; may be given again.")
@click.option("--language", "languages", multiple=True, help="This language alone, by its tag; may be given again.")
@with_appcontext
def preview(port: int, shots: str | None, brands: tuple[str, ...], languages: tuple[str, ...]) -> None:
    """Show every page in every state, of each brand and in each language, to whoever develops the console.

    In debug mode alone, and on this machine alone. It asks nothing of the store, and no page does anything.
    Pictures are in the console's default language where no other is named.
    """
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    if not app.debug:
        raise click.ClickException("the preview is there in debug mode alone: flask --debug twofactor preview")
    complete(app, current_state())
    gallery = Gallery(app, brands, languages)
    if shots is None:
        _serve(gallery, port)
    else:
        gallery.languages = gallery.languages if languages else gallery.languages[:1]
        _picture(gallery, Path(shots))


def _serve(gallery: Gallery, port: int) -> None:
    # What a template raises is shown in its place; no console: nothing is run from a browser.
    with listen(DebuggedApplication(gallery, evalex=False), port) as server:
        click.echo(f"every page in every state: http://127.0.0.1:{server.port}{ADDRESS}  (Ctrl-C ends it)")
        server.serve_forever()


def _picture(gallery: Gallery, folder: Path) -> None:
    program = chromium.find()
    if program is None:
        raise click.ClickException(f"no browser was found for pictures: {', '.join(chromium.PROGRAMS[:3])}")
    try:
        count = sum(1 for _ in take(gallery, folder, program))
    except OSError as error:
        raise click.ClickException(f"the pictures could not be taken: {error}") from error
    click.echo(f"{count} pictures in {folder}")
