"""Fresh proofs: whether the session's last one is recent enough, the way to the page that asks, and back (step-up)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify, redirect, request, url_for

from ..core.records import Mark
from ..core.texts import marked
from . import session as browser
from .current import current_state, settings_person
from .languages import language
from .redirects import SAFE_METHODS, sent_from, way_back

NOT_DONE = marked("What you sent was not done. Please confirm first that it is you, and send it again afterwards.")
SEND_AGAIN = marked("Thank you. What you sent before was not done: please send it again.")


def require_fresh(seconds: int) -> Response | None:
    """Give the response that asks for a proof where the last is older than ``seconds``; None where it is not.

    The proof is a code, or the password where the account has no factor. A GET is resumed; of what was
    sent in another way the person is told that it was not done. A script is told in JSON.
    """
    found = settings_person()
    if found is None:
        return _response(current_app.login_manager.unauthorized())  # type: ignore[attr-defined]
    mark = found.proof if isinstance(found.proof, Mark) else None
    with_code = mark is not None and mark.enrolment != ""
    proven_at = mark.code_at if mark is not None and with_code else found.password_at
    if proven_at and current_state().now - proven_at <= seconds:
        return None
    endpoint, kind = ("twofactor.challenge", "code") if with_code else ("twofactor.step_up", "password")
    if not _is_script():
        return _response(redirect(proof_url(endpoint), 303))
    answer = jsonify(error=f"fresh-{kind}-needed", url=url_for(endpoint, next=sent_from(), resend=_flag(_is_sent())))
    answer.status_code = 403
    answer.headers["Cache-Control"] = "no-store"
    return answer


def proof_url(endpoint: str) -> str:
    """Give the URL of a page that asks for a proof, which leads back to where the person was."""
    return url_for(endpoint, next=way_back(), resend=_flag(_is_sent()))


def resend() -> str | None:
    """Give what the links and the form of the page that asks carry on in their URLs, as ``resend``."""
    return _flag(was_lost())


def was_lost() -> bool:
    """Tell whether this page was come to because something was sent that is not done."""
    return "resend" in request.args


def notice() -> str | None:
    """Give what the page that asks says of that, None where nothing was sent."""
    return NOT_DONE if was_lost() else None


def proven() -> None:
    """Say on the page that comes next, where the host shows flashed messages, that it is to be sent again."""
    if was_lost():
        browser.flash_once(language().gettext(SEND_AGAIN))


def _is_sent() -> bool:
    return request.method not in SAFE_METHODS


def _is_script() -> bool:
    """Tell whether a script sent this request: it reads JSON, and would follow a redirect to a page in vain."""
    accepted = [kind for kind, _ in request.accept_mimetypes]
    reads = any(kind.startswith("application/json") for kind in accepted) and "text/html" not in accepted
    # WebViews of Android name their app in this header, with every page.
    return request.is_json or reads or request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _flag(lost: bool) -> str | None:
    return "1" if lost else None


def _response(answer: Any) -> Response:
    return current_app.make_response(answer)
