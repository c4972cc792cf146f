"""Templates of the host: what is posted from them carries the CSRF token and the code, or doctor says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from wtforms import StringField

from flask_twofactor.core.records import Brand
from flask_twofactor.web.forms import TwoFactorForm
from tests.doctor.consoles import make_console, one, severities

EXTENDS = '{% extends "twofactor/default/challenge.html" %}'
BY_HAND = """<form method="post">{{ twofactor.form.hidden_tag() }}
<label>Code <input name="code" value=""></label><button>Verify</button></form>"""
CONTENT = "{% extends twofactor.base_template %}{% block content %}BODY{% endblock %}"


def with_templates(folder: Path, files: dict[str, str], config: dict[str, Any] | None = None, **options: Any) -> Flask:
    """Make a console with templates of its own."""
    for name, text in files.items():
        file = folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return make_console(folder, config=config, **options)


RIGHT = {
    "a block beside the form": {
        "twofactor/challenge.html": EXTENDS + "{% block tf_after %}<p>{{ help.line(4) }}</p>{% endblock %}",
    },
    "fields written by hand": {"twofactor/challenge.html": CONTENT.replace("BODY", BY_HAND)},
    "fields of an included part": {
        "twofactor/challenge.html": CONTENT.replace("BODY", '{% include "parts/code.html" %}'),
        "parts/code.html": BY_HAND,
    },
    "fields by our macros": {
        "twofactor/challenge.html": '{% import "twofactor/_macros.html" as ui %}<form method="post">'
        "{{ ui.hidden(twofactor.form) }}{{ ui.code_field(twofactor) }}</form>",
    },
    "a layout that asks for much": {
        "layout.html": "{% set a = current_user.menu()['x'].y %}{% for one in menus %}{{ one }}{% endfor %}"
        "{{ nobody_knows(7).at_all }}{% block page %}{% endblock %}",
        "twofactor/challenge.html": '{% extends "layout.html" %}{% block page %}' + BY_HAND + "{% endblock %}",
    },
}


@pytest.mark.parametrize("files", RIGHT.values(), ids=RIGHT)
def test_a_page_that_posts_both_is_right(files: dict[str, str], tmp_path: Path) -> None:
    assert severities(with_templates(tmp_path, files)) == {}


@pytest.mark.requirement("CSR-01")
def test_a_page_without_the_token_is_wrong(tmp_path: Path) -> None:
    body = '<form method="post"><input name="code"></form>'
    app = with_templates(tmp_path, {"twofactor/challenge.html": CONTENT.replace("BODY", body)})
    assert severities(app) == {"template-without-csrf": "wrong"}
    problem = one(app, "template-without-csrf")
    assert "the page challenge posts no csrf_token" in problem.text
    assert problem.text.endswith("twofactor/challenge.html")
    assert "ui.hidden(twofactor.form)" in problem.mend


def test_a_token_under_another_name_is_looked_for_under_that_name(tmp_path: Path) -> None:
    config = {"WTF_CSRF_FIELD_NAME": "token_of_mine"}
    assert severities(make_console(tmp_path / "ours", config=config)) == {}
    body = '<form method="post"><input name="csrf_token"><input name="code"></form>'
    app = with_templates(tmp_path, {"twofactor/challenge.html": CONTENT.replace("BODY", body)}, config)
    assert "token_of_mine" in one(app, "template-without-csrf").text


@pytest.mark.parametrize(
    ("page", "field"),
    [
        *((page, "code") for page in ("challenge", "credential", "setup", "manage", "recovery")),
        *(("identify", "identifier"), ("credential", "password"), ("step_up", "password")),
    ],
)
def test_a_page_that_lost_a_field_is_wrong(page: str, field: str, tmp_path: Path) -> None:
    others = {"credential": {"code", "password", "kind"}}.get(page, set()) - {field}
    fields = "".join(f'<input name="{name}">' for name in sorted(others))
    text = f'{{% extends "twofactor/default/{page}.html" %}}{{% block tf_fields %}}{fields}{{% endblock %}}'
    app = with_templates(tmp_path, {f"twofactor/{page}.html": text})
    assert severities(app) == {"template-without-field": "wrong"}
    problem = one(app, "template-without-field")
    assert f"the page {page} has no field {field}" in problem.text
    assert f"twofactor.form.{field}()" in problem.mend


def test_a_template_of_one_brand_is_looked_at_too(tmp_path: Path) -> None:
    brands = [Brand("harbor", "Harbor", "Harbor"), Brand("quay", "Quay", "Quay")]
    empty = EXTENDS + "{% block tf_fields %}{% endblock %}"
    app = with_templates(tmp_path, {"twofactor/brands/quay/challenge.html": empty}, brands=brands)
    assert one(app, "template-without-field").text.endswith("twofactor/brands/quay/challenge.html")


def test_a_page_that_is_turned_to_a_recovery_code_and_forgets_it_is_weak(tmp_path: Path) -> None:
    text = EXTENDS + '{% block tf_fields %}<input name="code">{% endblock %}'
    app = with_templates(tmp_path, {"twofactor/challenge.html": text})
    assert severities(app) == {"template-without-kind": "weak"}
    assert "ui.code_field(twofactor)" in one(app, "template-without-kind").mend


@pytest.mark.parametrize(("page", "field"), [("add_authenticator", "name"), ("new_authenticator", "code")])
def test_the_pages_of_authenticators_are_looked_at_too(page: str, field: str, tmp_path: Path) -> None:
    fields = '<input name="kind">' + ('<input name="code">' if field != "code" else "")
    form = f"<form>{{{{ twofactor.form.hidden_tag() }}}}{fields}</form>"
    app = with_templates(tmp_path, {f"twofactor/{page}.html": CONTENT.replace("BODY", form)})
    assert f"the page {page} has no field {field}" in one(app, "template-without-field").text


def test_what_rides_in_the_form_is_looked_for_where_it_does(tmp_path: Path) -> None:
    fields = "".join(f'<input name="{name}">' for name in ("csrf_token", "password", "code", "kind"))
    text = f"{{% extends twofactor.base_template %}}{{% block content %}}<form>{fields}</form>{{% endblock %}}"
    files = {"twofactor/credential.html": text}
    assert severities(with_templates(tmp_path / "session", files)) == {}
    app = with_templates(tmp_path / "form", files, {"TWOFACTOR_STEP": "form"})
    assert "the page credential has no field step" in one(app, "template-without-field").text


def test_macros_and_the_layout_of_a_brand_are_looked_at_too(tmp_path: Path) -> None:
    ours = Path(__file__).parents[2] / "flask_twofactor/templates/twofactor/_macros.html"
    macros = ours.read_text(encoding="utf-8").replace("{{ field(**attributes) }}", "", 1)
    files = {
        "twofactor/brands/quay/_macros.html": macros,
        "twofactor/brands/harbor/base.html": "<main>{% block body %}{% endblock %}</main>",
    }
    app = with_templates(tmp_path, files, brands=[Brand("harbor", "Harbor", "Harbor"), Brand("quay", "Quay", "Quay")])
    assert severities(app) == {"template-without-field": "wrong", "layout-without-block": "wrong"}
    assert "the layout twofactor/brands/harbor/base.html has no block content" in one(app, "layout-without-block").text


def test_macros_of_the_host_that_draw_no_token_are_found_at_each_page(tmp_path: Path) -> None:
    ours = Path(__file__).parents[2] / "flask_twofactor/templates/twofactor/_macros.html"
    macros = ours.read_text(encoding="utf-8").replace('input_type(field) == "hidden"', "false")
    app = with_templates(tmp_path, {"twofactor/_macros.html": macros})
    assert severities(app) == {"template-without-csrf": "wrong", "template-without-field": "wrong"}
    assert "the page remove_authenticator has no field authenticator" in one(app, "template-without-field").text


def test_a_form_class_without_the_code_is_found_as_its_page_is(tmp_path: Path) -> None:
    class Mine(TwoFactorForm):
        pin = StringField()

    app = make_console(tmp_path, forms={"challenge": Mine})
    assert "has no field code" in one(app, "template-without-field").text


def test_a_step_in_the_form_and_another_csrf_scheme_are_looked_for_too(tmp_path: Path) -> None:
    config = {"TWOFACTOR_STEP": "form"}
    app = make_console(tmp_path, config=config, csrf=(lambda: "token", "_csrf_token"))
    assert severities(app) == {}
    body = '<form method="post"><input name="csrf_token"><input name="code"></form>'
    files = {"twofactor/challenge.html": CONTENT.replace("BODY", body)}
    app = with_templates(tmp_path, files, config, csrf=(lambda: "token", "_csrf_token"))
    assert "posts no _csrf_token" in one(app, "template-without-csrf").text


@pytest.mark.parametrize(
    "text", ["{% if %}", '{% include "nowhere.html" %}', "{{ 1 / 0 }}", "{{ twofactor.form|no_filter }}"]
)
def test_a_template_that_cannot_be_rendered_is_told(text: str, tmp_path: Path) -> None:
    app = with_templates(tmp_path, {"twofactor/challenge.html": text})
    assert severities(app) == {"template-not-read": "told"}
    assert "the page challenge" in one(app, "template-not-read").text


def test_nothing_of_the_host_runs_and_nothing_is_left(tmp_path: Path) -> None:
    app = with_templates(tmp_path, RIGHT["a layout that asks for much"])
    ran: list[str] = []

    @app.context_processor
    def of_the_host() -> dict[str, Any]:
        ran.append("context processor")
        return {}

    @app.before_request
    def before() -> None:
        ran.append("before request")

    undefined = app.jinja_env.undefined
    assert severities(app) == {}
    assert ran == []
    assert app.jinja_env.undefined is undefined
    assert app.test_client().get("/two-factor/identify").status_code == 200
    assert set(ran) == {"context processor", "before request"}


# --- the layout


LAYOUTS = {
    "a block of its own": {"layout.html": "<main>{% block content %}{% endblock %}</main>"},
    "a block of the layout around it": {
        "layout.html": '{% extends "all.html" %}{% block title %}{% endblock %}',
        "all.html": "{% block content %}{% endblock %}",
    },
    "a layout that is chosen by the request": {"layout.html": "{% extends theme() %}"},
}


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_with_room_for_our_pages_is_right(files: dict[str, str], tmp_path: Path) -> None:
    assert severities(with_templates(tmp_path, files, {"TWOFACTOR_BASE_TEMPLATE": "layout.html"})) == {}


def test_a_layout_without_that_block_is_wrong_and_right_where_another_is_named(tmp_path: Path) -> None:
    files = {"layout.html": "<main>{% block body %}{% endblock %}</main>"}
    app = with_templates(tmp_path, files, {"TWOFACTOR_BASE_TEMPLATE": "layout.html"})
    assert severities(app) == {"layout-without-block": "wrong"}
    assert "TWOFACTOR_CONTENT_BLOCK" in one(app, "layout-without-block").mend
    named = {"TWOFACTOR_BASE_TEMPLATE": "layout.html", "TWOFACTOR_CONTENT_BLOCK": "body"}
    assert severities(with_templates(tmp_path, files, named)) == {}


def test_a_base_of_the_host_in_the_place_of_ours_is_looked_at(tmp_path: Path) -> None:
    app = with_templates(tmp_path, {"twofactor/base.html": "<main>{% block body %}{% endblock %}</main>"})
    assert severities(app) == {"layout-without-block": "wrong"}


@pytest.mark.parametrize("files", [{}, {"layout.html": '{% extends "nowhere.html" %}'}])
def test_a_layout_that_is_not_there_is_wrong(files: dict[str, str], tmp_path: Path) -> None:
    app = with_templates(tmp_path, files, {"TWOFACTOR_BASE_TEMPLATE": "layout.html"})
    assert severities(app) == {"layout-not-found": "wrong"}
