"""Every touch of ``flask.session`` and of our cookies: all the trust that is kept in a browser.

One meaning a key (SES-14): the *mark* (random value of a completed log-in), the *note* (sealed, of a log-in that
the host did itself), the *pending* step between the two pages (sealed, constant length) with where it leads, a
*notice* to show once, and a *sheet* of new recovery codes (sealed) to show once.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Response, current_app, flash, g, request, session
from flask_login import COOKIE_NAME, decode_cookie
from itsdangerous import BadData, URLSafeSerializer

from ..core.keyring import KNOWN, NOTE, PENDING, REMEMBER, token_digest
from ..core.known import KNOWN_SECONDS, Known, pack, remember, unpack
from ..core.records import Note, Pending, TrustToken
from ..core.trust import MAX_ENTRIES as MAX_TRUST
from ..core.trust import tokens_of
from ..errors import StoreUnavailable
from ..flows.login import name_digest, subject_digest
from ..state import State, logger

MARK_KEY = "_twofactor_mark"
NOTE_KEY = "_twofactor_note"
PENDING_KEY = "_twofactor_pending"
NEXT_KEY = "_twofactor_next"
NOTICE_KEY = "_twofactor_notice"
SHEET_KEY = "_twofactor_sheet"
KEYS = (MARK_KEY, NOTE_KEY, PENDING_KEY, NEXT_KEY, NOTICE_KEY, SHEET_KEY)
COMPANION_COOKIE = "twofactor_remember"
KNOWN_COOKIE = "twofactor_known"
TRUSTED_COOKIE = "twofactor_trusted"
CSRF_COOKIE = "twofactor_csrf"

_FLASK_LOGIN_KEYS = ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds")
_FLASK_KEYS = ("_permanent", "_flashes")
_NAME_SIZES = (96, 320)
_MAX_NEXT = 200
_DEAD_EPOCH = -1


# The step between the two pages


def keep_pending(state: State, identifier: str, target: str | None) -> None:
    """Keep who wants to log in, sealed at a constant length (SES-07), and where to go then if that is short."""
    session[PENDING_KEY] = seal_pending(state, identifier)
    session.pop(NEXT_KEY, None)
    if target is not None and len(target) <= _MAX_NEXT and len(identifier.encode()) <= _NAME_SIZES[0]:
        session[NEXT_KEY] = target
    _touched()


def seal_pending(state: State, identifier: str) -> str:
    """Seal who wants to log in, and when the person said so."""
    name = identifier.encode()
    size = next(size for size in _NAME_SIZES if len(name) <= size)
    plain = struct.pack(">QH", state.now, len(name)) + name.ljust(size, b"\0")
    return state.keyring.seal(PENDING, plain)


def keeps_next(target: str | None) -> bool:
    """Tell whether the session keeps ``target``; one for which there is no room rides in the URL (SES-12)."""
    return target is not None and _text(NEXT_KEY) == target


def pending(state: State, carried: str | None) -> Pending | None:
    """Give the step between the pages, too old or not; None where there is none. ``carried`` is that of the form."""
    if carried is not None:
        return _opened(state, carried, None)
    return _opened(state, _text(PENDING_KEY), _text(NEXT_KEY))


def _opened(state: State, sealed: str | None, target: str | None) -> Pending | None:
    plain = state.keyring.open(PENDING, sealed)
    if plain is None:
        return None
    at, length = struct.unpack_from(">QH", plain)
    return Pending(plain[10 : 10 + length].decode(), at, target)


# What proves a log-in


def mark_digest() -> str:
    """Give the digest of the session's mark, "" where it has none."""
    token = session.get(MARK_KEY)
    return token_digest(token) if isinstance(token, str) else ""


def drop_mark() -> str:
    """Take the mark and the note out of the session; give the mark's digest, "" for none."""
    digest = mark_digest()
    for key in (MARK_KEY, NOTE_KEY):
        session.pop(key, None)
    return digest


def keep_note(state: State, subject: str, epoch: int, password_at: int) -> Note:
    """Replace what the session held by a note of a log-in that the host did itself."""
    note = Note(secrets.token_hex(16), subject, epoch, password_at, state.now)
    plain = struct.pack(">qQQ", epoch, password_at, note.at) + bytes.fromhex(note.id)
    session.pop(MARK_KEY, None)
    session[NOTE_KEY] = state.keyring.seal(NOTE, plain, subject)
    _touched()
    return note


def note_of(state: State, subject: str) -> Note | None:
    """Give the session's note; a dead one where it holds something that is no note of ``subject``."""
    if NOTE_KEY not in session:
        return None
    plain = state.keyring.open(NOTE, _text(NOTE_KEY), subject)
    if plain is None:
        return dead_note(subject)
    epoch, password_at, at = struct.unpack_from(">qQQ", plain)
    return Note(plain[24:].hex(), subject, epoch, password_at, at)


def dead_note(subject: str) -> Note:
    """Give a note that proves nothing: of an epoch that no account has."""
    return Note("", subject, _DEAD_EPOCH, 0, 0)


def begin(state: State, user: Any, subject: str, token: str, password: str | None, remember: bool) -> bool:
    """Clear and renew the session and log the user in as the host does (SES-01).

    False, and the session as it was, where ``login_user`` or the host's ``complete`` refuses (VER-13);
    likewise where the latter raises. The mark of whoever was logged in here before ends (SES-15).
    """
    before, modified, replaced = dict(session), session.modified, mark_digest()
    clear(state)
    session[MARK_KEY] = token
    done = False
    try:
        with completing(subject):
            entered = state.hooks.ask("complete", user, password, remember) is not False
        if entered and replaced:
            state.store.remove_mark(replaced)
        done = entered
    finally:
        if not done:
            undo(before, modified)
            state.store.remove_mark(token_digest(token))
    if done:
        _regenerate()
        _touched()
    return done


def undo(before: dict[str, Any], modified: bool) -> None:
    """Leave nothing of a log-in that was refused: neither in the session, nor its cookie, nor in this request."""
    session.clear()
    session.update(before)
    session.modified = modified
    for name in ("_twofactor_companion", "_login_user"):  # Flask-Login loads again whoever was there
        g.pop(name, None)


def renew(state: State, token: str, *, keep_all: bool = False) -> None:
    """Put a new mark into a signed-in session and drop what was planted before (SES-01).

    Kept are Flask's and Flask-Login's own keys and those that the host declared; all of them but the CSRF
    token and ours with ``keep_all``, for the code after a log-in that the host did itself.
    """
    if keep_all:
        for key in ("csrf_token", *KEYS):
            session.pop(key, None)
    else:
        clear(state, _FLASK_LOGIN_KEYS)
    session[MARK_KEY] = token
    _regenerate()
    _touched()


def clear(state: State, keep: tuple[str, ...] = ()) -> None:
    """Empty the session but for Flask's own keys, the host's declared ones and ``keep``."""
    kept = (*_FLASK_KEYS, *state.settings.session_keep, *keep)
    values = {key: session[key] for key in kept if key in session}
    session.clear()
    session.update(values)


@contextlib.contextmanager
def completing(subject: str) -> Iterator[list[str]]:
    """Bracket the ``login_user`` that ends a log-in of ours: the gate lets it through. Gives who was let through."""
    entered: list[str] = []
    g._twofactor_completing = subject, entered
    try:
        yield entered
    finally:
        g._twofactor_completing = None


def completes(subject: str) -> bool:
    """Tell whether a ``login_user`` of ``subject`` is the end of a log-in of ours; it is noted then."""
    completing: tuple[str, list[str]] | None = g.get("_twofactor_completing")
    if completing is None or completing[0] != subject:
        return False
    completing[1].append(subject)
    return True


def note_verified(subject: str, life: str) -> None:
    """Note that the host had a code of this enrolment verified in this request."""
    g._twofactor_verified = subject, life


def take_verified(subject: str) -> str:
    """Give the enrolment whose code was verified for this account in this request, once; "" for none."""
    verified: tuple[str, str] = g.pop("_twofactor_verified", None) or ("", "")
    return verified[1] if verified[0] == subject else ""


# A notice, and new recovery codes, shown once


def keep_notice(text: str) -> None:
    """Keep a message for the next settings panel."""
    session[NOTICE_KEY] = text


def take_notice() -> str | None:
    """Give the message and forget it."""
    return _take(NOTICE_KEY)


def flash_once(text: str) -> None:
    """Flash a message to the pages of the host, unless it waits there already."""
    if ("twofactor", text) not in [tuple(one) for one in session.get("_flashes", [])]:
        flash(text, "twofactor")


def keep_sheet(sealed: str) -> None:
    """Keep new recovery codes, sealed, for the page that shows them."""
    session[SHEET_KEY] = sealed


def take_sheet() -> str | None:
    """Give them and forget them."""
    return _take(SHEET_KEY)


def _take(key: str) -> str | None:
    text = _text(key)
    if text is not None:
        session.pop(key)
        _touched()
    return text


# The companion of Flask-Login's remember cookie: it tells the epoch, which that cookie cannot


def has_remember_cookie() -> bool:
    """Tell whether the browser presents a valid remember cookie of the session's user."""
    value = request.cookies.get(current_app.config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME))
    if value is None or session.get("_remember") == "clear" or not can_be_decoded(value):
        return False
    named = decode_cookie(value)
    return named is not None and bool(named == session.get("_user_id"))


def can_be_decoded(cookie: str) -> bool:
    """Tell whether a remember cookie's digest is ASCII: at another one Flask-Login 0.6 raises."""
    return cookie.rpartition("|")[2].isascii()


def companion_epoch(state: State, subject: str) -> int:
    """Give the epoch in which the browser's remember cookie was issued for ``subject``, 0 where unknown."""
    plain = state.keyring.open(REMEMBER, request.cookies.get(COMPANION_COOKIE), subject)
    return 0 if plain is None else int(struct.unpack(">q", plain)[0])


def companion_wanted(subject: str) -> None:
    """Note that this response is to renew or set the companion for ``subject``."""
    g._twofactor_companion = subject


def companion_unwanted() -> None:
    """Note that this response is to delete the companion."""
    g._twofactor_companion = ""


# Known browsers: no trust at all, only limits of their own


def known_accounts(state: State) -> list[Known]:
    """Give what this browser is known for."""
    plain = state.keyring.open(KNOWN, request.cookies.get(KNOWN_COOKIE))
    return [] if plain is None else unpack(plain, state.now)


def keep_known(state: State, subject: str, identifier: str | None = None) -> None:
    """Note that this response is to make the browser a known one of ``subject``, who typed ``identifier``."""
    name = None if identifier is None else name_digest(state, identifier)
    keep_known_account(state, subject_digest(state, subject), name)


def keep_known_account(state: State, account: bytes, name: bytes | None = None) -> None:
    """Do the same for what names account and typed name in the cookie; a name that is known already stays."""
    entries = remember(known_accounts(state), account, name, state.now)
    g._twofactor_known = state.keyring.seal(KNOWN, pack(entries))
    _touched()


# Trusted browsers: random values alone, so that the cookie tells nobody whose they are (TRB-06)


def trust(state: State) -> list[TrustToken]:
    """Give what this browser may skip a code by, the newest first; nothing where nobody may."""
    cookie = request.cookies.get(TRUSTED_COOKIE)
    if cookie is None or not state.settings.trusted_browsers:
        return []
    try:
        return tokens_of(_signer(state).loads(cookie))
    except BadData:
        return []


def keep_trust(state: State, token: TrustToken) -> None:
    """Note that this response is to carry a value in the place of the one that the browser had under that id."""
    others = [one for one in trust(state) if one.browser != token.browser]
    g._twofactor_trusted = _signer(state).dumps([token, *others][:MAX_TRUST])
    _touched()


def _signer(state: State) -> URLSafeSerializer:
    options = {"digest_method": hashlib.sha256}
    return URLSafeSerializer(state.keyring.signing_keys, salt="flask_twofactor/trusted", signer_kwargs=options)


# The cookie that CSRF tokens are bound to where the session may be cleared


def csrf_cookie() -> str:
    """Give the browser's value, a new one where it has none; the response carries it then."""
    value = request.cookies.get(CSRF_COOKIE) or g.get("_twofactor_csrf")
    if not value:
        g._twofactor_csrf = value = secrets.token_hex(16)
        _touched()
    return str(value)


def finish(state: State, response: Response) -> None:
    """Keep a response that carries our trust out of caches (HDR-01), and write our cookies."""
    subject = g.get("_twofactor_companion")
    for name, value, seconds in (
        (KNOWN_COOKIE, g.get("_twofactor_known"), KNOWN_SECONDS),
        (CSRF_COOKIE, g.get("_twofactor_csrf"), None),
    ):
        if value is not None:
            _set_like_the_session(response, name, value, seconds)
    if (held := g.get("_twofactor_trusted")) is not None:
        _set_trusted(response, held, state.settings.trusted_seconds)
    if subject is not None or g.get("_twofactor_touched"):
        response.headers["Cache-Control"] = "no-store"
    if subject is None:
        return
    attributes: dict[str, Any] = {
        name.lower(): current_app.config.get(f"REMEMBER_COOKIE_{name}", default)
        for name, default in (("DOMAIN", None), ("PATH", "/"), ("SECURE", request.is_secure), ("SAMESITE", "Lax"))
    }
    if subject:
        try:
            epoch = state.store.standing(subject, "").epoch
        except StoreUnavailable:  # the log-in itself stands; without a companion the remember cookie opens nothing
            logger.error("the store did not answer: this browser is not remembered")
            return
        if epoch == 0:  # nothing of this account was ever ended: its remember cookie needs no companion
            return
        value = state.keyring.seal(REMEMBER, struct.pack(">q", epoch), subject)
        lifetime = current_app.config.get("REMEMBER_COOKIE_DURATION", timedelta(days=365))
        response.set_cookie(COMPANION_COOKIE, value, max_age=lifetime, httponly=True, **attributes)
    elif COMPANION_COOKIE in request.cookies:
        response.delete_cookie(COMPANION_COOKIE, path=attributes["path"], domain=attributes["domain"])


def _set_like_the_session(response: Response, name: str, value: str, seconds: int | None) -> None:
    config, interface = current_app.config, current_app.session_interface
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        secure=bool(config.get("SESSION_COOKIE_SECURE")) or request.is_secure,
        samesite=config.get("SESSION_COOKIE_SAMESITE") or "Lax",
        path=interface.get_cookie_path(current_app),
        domain=interface.get_cookie_domain(current_app),
    )


def _set_trusted(response: Response, value: str, seconds: int) -> None:
    """Set the one cookie that stands in for a code: for this host alone, whatever the host's session does (TRB-06)."""
    config = current_app.config
    response.set_cookie(
        TRUSTED_COOKIE,
        value,
        max_age=seconds,
        httponly=True,
        secure=bool(config.get("SESSION_COOKIE_SECURE")) or request.is_secure,
        samesite="Strict" if str(config.get("SESSION_COOKIE_SAMESITE")).title() == "Strict" else "Lax",
        path=current_app.session_interface.get_cookie_path(current_app),
    )


def _touched() -> None:
    g._twofactor_touched = True


def _text(key: str) -> str | None:
    value = session.get(key)
    return value if isinstance(value, str) else None


def _regenerate() -> None:
    """Give a server-side session a new id, where its interface can."""
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if callable(regenerate):
        regenerate(session)
