"""What we announce, by blinker; the sender is the app, ``subject`` the account's stable key.

No signal carries a code, a secret, a password, an identifier that somebody typed, or a token.
Each sends ``subject: str`` and ``at: int`` (Unix seconds), and what its line adds.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

identified = _signals.signal("twofactor-identified")
"""A user ID was given on the first page, whoever's it is; adds ``name: str``, a keyed digest of it.

``subject`` is "", for names with an account and without one alike (ENU-01). It is no event: no row, no line of the log.
"""

logged_in = _signals.signal("twofactor-logged-in")
"""Every factor was right and the session began; adds ``factor: bool``, whether a code was part of it.

And ``offset: int or None``, of that code as in `code_accepted`, None for another; ``by: str``, what stood beside the
password: "code", "recovery", "rescue", "trusted" (a trusted browser), or "password" where there is no factor.
"""

code_rejected = _signals.signal("twofactor-code-rejected")
"""The password was right, the code was not; adds ``reason``: ``"wrong"``, ``"replayed"`` or ``"budget"``."""

code_accepted = _signals.signal("twofactor-code-accepted")
"""A code was right and is spent; adds ``offset: int``, the time step it was made for less the server's (CLK-04).

Many of one sign mean a wrong clock.
"""

throttled = _signals.signal("twofactor-throttled")
"""Somebody has to wait; adds ``where: str`` and ``source: str``, a keyed digest; once in ten minutes a source.

``where`` is "look-ups", "log-in", "challenge", or "sign-in": too many wrong answers of one session, without a source.
``subject`` is "" where no account has the name.
"""

clock_jumped = _signals.signal("twofactor-clock-jumped")
"""A code was presented to an account whose last one lies in the future: a clock was ahead, or another server's is.

Adds ``ahead: int``, by how many time steps (CLK-03).
"""

alarm_raised = _signals.signal("twofactor-alarm")
"""So many wrong codes after a right password in an hour, of all accounts together, that somebody guesses (THR-18).

As many as ``TWOFACTOR_ALARM``; sent once an hour. ``subject`` is "", ``count: int`` is how many.
"""

recovery_code_used = _signals.signal("twofactor-recovery-code-used")
"""A recovery code stood in for a code, and is used up; adds ``left: int``, how many there are still."""

recovery_renewed = _signals.signal("twofactor-recovery-codes-renewed")
"""New recovery codes were made, and the earlier ones are worth nothing."""

factor_enabled = _signals.signal("twofactor-enabled")
"""A confirmed enrolment stands; adds ``offset: int`` of the code where one confirmed it.

And ``how: str``, "imported", where it was taken over from elsewhere. ``enroll`` adds nothing.
"""

factor_disabled = _signals.signal("twofactor-disabled")
"""The owner took the factor away with a right code; adds its ``offset: int``."""

factor_reset = _signals.signal("twofactor-reset")
"""Somebody took every factor away; adds ``by: str``, who, and ``reason: str`` where one was given."""

sessions_ended = _signals.signal("twofactor-sessions-ended")
"""The host ended every session of the account, or its owner all but one; adds ``count: int``, those with marks.

And ``by: str`` where an operator did (``flask twofactor end-sessions``).
"""

trusted_browser_added = _signals.signal("twofactor-trusted-browser-added")
"""Somebody asked, with a code, that this browser be asked for none for a while."""

trusted_browser_forgotten = _signals.signal("twofactor-trusted-browser-forgotten")
"""The trust in browsers ended by itself; adds ``count: int`` and ``reason``: ``"owner"``, or ``"copied"``.

The latter where a value was presented that had been used before. A change of the factor, which ends all trust, sends
its own signal alone.
"""

authenticator_added = _signals.signal("twofactor-authenticator-added")
"""A further authenticator makes right codes for the account; adds ``name: str``, as its owner calls it."""

authenticator_removed = _signals.signal("twofactor-authenticator-removed")
"""One of several authenticators makes right codes no longer; adds ``name: str``."""

rescue_issued = _signals.signal("twofactor-rescue-issued")
"""An operator made a rescue code; adds ``by: str`` and ``witness: str``, two people, and ``expires_at: int``."""

rescue_used = _signals.signal("twofactor-rescue-used")
"""A rescue code stood in for a code: the session that began only leads to a new set-up."""
