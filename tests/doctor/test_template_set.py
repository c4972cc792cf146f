"""Pages for Bootstrap: there is a Bootstrap, or doctor says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.doctor.consoles import make_console, one, severities
from tests.support import bootstrap

SET = {"TWOFACTOR_TEMPLATE_SET": "bootstrap5"}


def write(folder: Path, name: str, text: str) -> None:
    file = folder / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("config", [{}, bootstrap.BARE, bootstrap.IN_LAYOUT], ids=["default", "named", "in a layout"])
def test_pages_that_have_their_stylesheet_are_right(tmp_path: Path, config: dict[str, Any]) -> None:
    write(tmp_path, "console.html", "<main>{% block content %}{% endblock %}</main>")
    assert severities(make_console(tmp_path, config=config)) == {}


def test_bare_pages_for_a_bootstrap_that_nobody_named_are_wrong(tmp_path: Path) -> None:
    app = make_console(tmp_path, config=SET)
    assert severities(app) == {"bootstrap-not-linked": "wrong"}
    assert "TWOFACTOR_BOOTSTRAP_CSS" in one(app, "bootstrap-not-linked").mend


def test_a_base_of_the_host_in_the_place_of_ours_links_what_it_likes(tmp_path: Path) -> None:
    write(tmp_path, "twofactor/base.html", "<main>{% block content %}{% endblock %}</main>")
    assert severities(make_console(tmp_path, config=SET)) == {}
