"""The same console on Django: its own log-in alone, or with the option ``allauth`` that of django-allauth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import django
import pyotp
from django.conf import settings

from bench.browser import Answer, Browser
from bench.clock import COMES, COMES_WITH_CODE, NAMES, PASSWORD, SIGNED_IN, SIGNED_IN_WITH_CODE
from bench.contender import Contender
from bench.contenders import plain

_APPS = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")]
_ALLAUTH = ["allauth", "allauth.account", "allauth.mfa"]
_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
_PAGE = (
    "<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1><p>{{ user.username }}</p><ul>"
    "{% for id, mail, role in rows %}<li>{{ id }} {{ mail }} {{ role }}</li>{% endfor %}</ul>"
)
_LAYOUT = (
    "<!doctype html><title>{% block title %}{% endblock %}</title>"
    '<nav>{% for name in names %}<a href="{% url name %}">{{ name }}</a>{% endfor %}'
    "<a href=\"{% url 'person' user.username %}\">{{ user.username }}</a></nav>"
    "{% for message in messages %}<p>{{ message }}</p>{% endfor %}"
    "<main>{% block main %}{% endblock %}</main>"
)
_CONSOLE = (
    "{% extends 'layout.html' %}{% block title %}{{ title }}{% endblock %}{% block main %}<h1>{{ title }}</h1><table>"
    "{% for id, mail, role in rows %}<tr><td><a href=\"{% url 'person' id %}\">{{ id }}</a>"
    "<td>{{ mail }}<td>{{ role }}{% endfor %}</table>{% endblock %}"
)
_LOGIN = "<!doctype html><title>Log in</title><form method=post>{% csrf_token %}{{ form }}</form>"
_TEMPLATES = {
    "page.html": _PAGE, "layout.html": _LAYOUT, "console.html": _CONSOLE, "registration/login.html": _LOGIN,
}  # fmt: skip
_SET_UP = "/accounts/2fa/totp/activate/"
urlpatterns: list[Any] = []
"""Filled when the site is made: Django asks this module for it."""


def configure(folder: Path, *, allauth: bool) -> None:
    """Set Django up, once a process."""
    loaders = [
        ("django.template.loaders.locmem.Loader", _TEMPLATES),
        "django.template.loaders.app_directories.Loader",
    ]
    settings.configure(
        SECRET_KEY=plain.SECRET_KEY,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[*_APPS, *(_ALLAUTH if allauth else ())],
        MIDDLEWARE=[*_MIDDLEWARE, *(["allauth.account.middleware.AccountMiddleware"] if allauth else ())],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.sqlite"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        AUTHENTICATION_BACKENDS=[
            "django.contrib.auth.backends.ModelBackend",
            *(["allauth.account.auth_backends.AuthenticationBackend"] if allauth else ()),
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.cached.Loader", loaders)],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ],
                },
            }
        ],
        LOGIN_REDIRECT_URL="/page",
        LOGIN_URL="/accounts/login/",
        USE_TZ=True,
        LOGGING_CONFIG=None,
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_REAUTHENTICATION_TIMEOUT=10**9,
        MFA_TOTP_ISSUER="bench",
    )
    django.setup()


def add_pages(folder: Path, *, allauth: bool) -> None:
    """Fill the table of URLs."""
    # What Django has can be imported once it is set up.
    from django.contrib.auth.decorators import login_required  # noqa: PLC0415
    from django.contrib.auth.views import LoginView  # noqa: PLC0415
    from django.shortcuts import render  # noqa: PLC0415
    from django.urls import include, path  # noqa: PLC0415

    database, names = plain.connect(folder), ("page", "console", "login")

    @login_required
    def page(request: Any) -> Any:
        rows = database.execute(plain.LIST).fetchall()
        return render(request, "page.html", {"title": "Page", "rows": rows})

    @login_required
    def console(request: Any, name: str = "") -> Any:
        rows = database.execute(plain.LIST).fetchall()
        return render(request, "console.html", {"title": name or "People", "rows": rows, "names": names})

    urlpatterns[:] = [
        path("page", page, name="page"),
        path("console", console, name="console"),
        path("console/<name>", console, name="person"),
    ]
    if allauth:
        urlpatterns.append(path("log-in", console, name="login"))
        urlpatterns.append(path("accounts/", include("allauth.urls")))
    else:
        urlpatterns.append(path("accounts/login/", LoginView.as_view(), name="login"))


def add_accounts(*, allauth: bool) -> str:
    """Make the tables and the accounts; give the secret of those who have the factor."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    secret, users = pyotp.random_base32(), get_user_model().objects
    for name in NAMES:
        if not users.filter(username=name).exists():
            users.create_user(name, f"{name}@console.test", PASSWORD)
    if allauth:
        from allauth.mfa.models import Authenticator  # noqa: PLC0415
        from allauth.mfa.totp.internal.auth import TOTP  # noqa: PLC0415

        Authenticator.objects.all().delete()
        for name in (SIGNED_IN_WITH_CODE, COMES_WITH_CODE):
            TOTP.activate(users.get(username=name), secret)
    return secret


def start(folder: Path, options: Mapping[str, str]) -> tuple[Any, str]:
    """Make the site and no more; gives it and its first page. Its tables were made by the first start of a run."""
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    configure(folder, allauth="allauth" in options)
    add_pages(folder, allauth="allauth" in options)
    return get_wsgi_application(), "/accounts/login/"


def make(folder: Path, options: Mapping[str, str]) -> Contender:
    """Make the contender."""
    allauth = "allauth" in options
    configure(folder, allauth=allauth)
    add_pages(folder, allauth=allauth)
    secret = add_accounts(allauth=allauth)
    from django.core.cache import cache  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    wsgi = get_wsgi_application()
    if not allauth:
        browser, _ = _password(wsgi, "username", SIGNED_IN)
        return Contender(wsgi, {**plain.pages(browser), "log-in": partial(_password, wsgi, "username", COMES)})

    def code(name: str) -> Browser:
        browser, page = _password(wsgi, "login", name)
        browser.follow(browser.send("/accounts/2fa/authenticate/", page, code=pyotp.TOTP(secret).now()))
        return browser

    def refuse() -> None:
        browser, page = _password(wsgi, "login", COMES_WITH_CODE)
        assert browser.send("/accounts/2fa/authenticate/", page, code="000000").status == 200

    bob, _ = _password(wsgi, "login", SIGNED_IN)
    bob.follow(bob.post(f"/accounts/reauthenticate/?next={_SET_UP}", password=PASSWORD))
    # Its limits and its used codes are in the cache; it goes by the time of the machine.
    jobs = ("log-in", "log-in with a code", "refused code")
    return Contender(
        wsgi,
        {
            **plain.pages(code(SIGNED_IN_WITH_CODE)),
            "log-in": partial(_password, wsgi, "login", COMES),
            "log-in with a code": partial(code, COMES_WITH_CODE),
            "refused code": refuse,
            "set-up page": partial(bob.get, _SET_UP),
        },
        dict.fromkeys(jobs, cache.clear),
    )


def _password(wsgi: Any, field: str, name: str) -> tuple[Browser, Answer]:
    browser = Browser(wsgi, token="csrfmiddlewaretoken")
    answer = browser.post("/accounts/login/", **{field: name, "password": PASSWORD})
    return browser, browser.follow(answer)
