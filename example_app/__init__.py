"""Harbor: a small console with flask_twofactor attached; each line that concerns the factor is marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_babel import Babel
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from flask_twofactor import TwoFactor  # 2FA

from . import brands, headers, preferences, private, users
from .views import auth, console, errors, switches

two_factor = TwoFactor(brands=brands.ALL)  # 2FA
two_factor.user_lookup(users.by_email)  # 2FA
two_factor.password_check(users.check_password)  # 2FA
two_factor.brand_select(brands.choose)  # 2FA
two_factor.requirement(users.is_administrator)  # 2FA


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the console; ``INSTANCE_PATH`` in ``config`` says where its files live."""
    config = config or {}
    app = Flask(__name__, instance_path=config.get("INSTANCE_PATH"))
    app.config.update(
        SESSION_COOKIE_NAME="harbor_session",
        SESSION_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SAMESITE="Lax",
        TWOFACTOR_ISSUER="Harbor",  # 2FA
        TWOFACTOR_BASE_TEMPLATE="layout.html",  # 2FA
        TWOFACTOR_SETTINGS_ENDPOINT="console.profile",  # 2FA
    )
    app.config.update(config)
    private.make_folder(app.instance_path)
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = private.secret_key(app.instance_path)

    users.create_table(app.instance_path)
    CSRFProtect(app)
    login_manager = LoginManager(app)
    login_manager.login_message = None
    login_manager.user_loader(users.by_id)
    Babel(app, locale_selector=preferences.language)
    two_factor.init_app(app)  # 2FA

    app.register_blueprint(auth.blueprint)
    app.register_blueprint(console.blueprint)
    app.register_blueprint(switches.blueprint)
    app.context_processor(preferences.in_templates)
    app.context_processor(lambda: {"brands": brands.ALL})
    errors.register(app)
    headers.register(app)
    app.wsgi_app = brands.ByPath(app.wsgi_app)  # type: ignore[method-assign]
    return app
