"""What we raise: one base, and leaves that each carry a stable code and an HTTP status."""

from __future__ import annotations


class TwoFactorError(Exception):
    """Base of every error this extension raises on purpose.

    ``code`` is a stable word for programs, ``status`` the HTTP status that the pages answer with.
    No message ever holds a secret, a code, a password or a token (LOG-02).
    """

    code = "error"
    status = 500


class WiringError(TwoFactorError):
    """The host app is not set up; the message says what is missing and shows the line that mends it."""

    code = "wiring"


class SettingError(WiringError):
    """A ``TWOFACTOR_*`` setting is unknown or has a value that cannot be used."""

    code = "setting"


class KeyMismatch(WiringError):
    """The present keys do not open what the store was sealed with."""

    code = "key-mismatch"


class SchemaMismatch(WiringError):
    """The tables are of another release."""

    code = "schema-mismatch"


class StoreUnavailable(TwoFactorError):
    """The store or the counters did not answer: nobody is let in, and the person is told to try again."""

    code = "unavailable"
    status = 503


class HookFailed(TwoFactorError):
    """A function that the host gave raised, or answered what it must not."""

    code = "hook-failed"
    status = 503


class BadRequest(TwoFactorError):
    """A request that no page of ours makes: a missing CSRF token, a field sent twice."""

    code = "bad-request"
    status = 400


class TooLarge(TwoFactorError):
    """A body over 16 kB, or of a length that was not told (INP-02)."""

    code = "too-large"
    status = 413


class NotAForm(TwoFactorError):
    """A body of another kind than a form's (CSR-05)."""

    code = "not-a-form"
    status = 415


class Forbidden(TwoFactorError):
    """The identity of this request may not manage a factor: it did not come from a session."""

    code = "forbidden"
    status = 403


class Throttled(TwoFactorError):
    """Too many attempts; ``retry_after`` is in whole seconds (RFC 9110 §10.2.3)."""

    code = "throttled"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts, try again in {retry_after} s")
        self.retry_after = retry_after


class SignInAgain(TwoFactorError):
    """Too many wrong codes or passwords of one signed-in session, which ends with that (bucket G of the policy).

    ``retry_after`` is in whole seconds; a new log-in need not wait.
    """

    code = "sign-in-again"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong answers in one session")
        self.retry_after = retry_after


class LoginRefused(TwoFactorError):
    """The log-in as a whole was not right; which part, nobody outside is told (VER-06)."""

    code = "refused"
    status = 200


class CodeRejected(TwoFactorError):
    """The code is not a right, unspent code of this enrolment."""

    code = "code-rejected"
    status = 200


class SetupExpired(TwoFactorError):
    """The key that was being set up is gone: too old, guessed at too often, or set up elsewhere."""

    code = "setup-expired"
    status = 200


class AlreadyEnrolled(TwoFactorError):
    """The account already has a confirmed enrolment; disable or reset it first."""

    code = "already-enrolled"
    status = 409


class NotEnrolled(TwoFactorError):
    """The account has no confirmed enrolment."""

    code = "not-enrolled"
    status = 409


class TooManyAuthenticators(TwoFactorError):
    """The account has as many authenticators as it may have; remove one first."""

    code = "too-many-authenticators"
    status = 409


class FactorRequired(TwoFactorError):
    """The factor is mandatory for this account and cannot be disabled by its owner."""

    code = "factor-required"
    status = 403


class UnusableSecret(TwoFactorError):
    """A secret from elsewhere cannot be taken; the message says why, without it."""

    code = "unusable-secret"
    status = 400


class UnreadableFile(TwoFactorError):
    """A file to import is no table, or is sealed and does not open: wrong passphrase, altered, or cut off."""

    code = "unreadable-file"
    status = 400
