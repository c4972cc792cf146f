"""The rules of the host's own code and of operators: what is done to accounts without a page of ours, and time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from flask_twofactor.core.totp import new_secret
from flask_twofactor.errors import TwoFactorError
from flask_twofactor.flows import rescue
from tests.machine.accounts import ANY_CODE, DAY, RESCUE_SECONDS
from tests.machine.base import MOVES, Base, agree, codes, names
from tests.support.watching import state_of


class Operating(Base):
    """From Python, from the command line, and the clock."""

    @rule(name=names, with_codes=st.booleans())
    def enroll(self, name: str, with_codes: bool = True) -> None:
        account, user, secret = self.model.accounts[name], self.host.users[name], new_secret()
        try:
            self.in_context(self.host.two_factor.enroll, user, secret)
        except TwoFactorError:
            agree(account.enrolled, f"{name} could not be enrolled")
            return
        agree(not account.enrolled, f"{name} was enrolled twice")
        account.enrol(secret)
        if with_codes:
            account.renew_codes(self.in_context(self.host.two_factor.new_recovery_codes, user))
            account.end_sessions()

    @rule(name=names, kind=codes)
    def verify(self, name: str, kind: str) -> None:
        account = self.model.accounts[name]
        code = self.code_of(account, kind)
        accepted = self.in_context(self.host.two_factor.verify, self.host.users[name], code)
        self.judged(account, code, accepted, may=account.enrolled, must=account.enrolled, takes=ANY_CODE)

    @rule(name=names)
    def reset(self, name: str) -> None:
        account = self.model.accounts[name]
        stood = self.in_context(self.host.two_factor.reset, self.host.users[name], "a test")
        agree(stood is account.enrolled, f"reset said {stood} for {name}")
        account.take_factor()
        account.grace_from = None

    @rule(name=names, for_good=st.booleans())
    def end(self, name: str, for_good: bool) -> None:
        account, user, two_factor = self.model.accounts[name], self.host.users[name], self.host.two_factor
        if for_good:
            self.in_context(two_factor.forget, str(user.id))
            account.take_factor()
            account.require(False)
        else:
            self.in_context(two_factor.end_sessions, user)
            account.end_sessions()

    @rule(name=names, required=st.booleans())
    def require(self, name: str, required: bool) -> None:
        account = self.model.accounts[name]
        changed = state_of(self.host).store.set_required(str(self.host.users[name].id), required)
        agree(changed is (account.required is not required), f"the rule for {name} was said to be new: {changed}")
        account.require(required)

    @rule(name=names)
    def issue_a_rescue_code(self, name: str) -> None:
        account, state = self.model.accounts[name], state_of(self.host)
        try:
            made = self.in_context(rescue.issue, state, self.host.users[name], "an operator", "a witness")
        except TwoFactorError:
            agree(not account.enrolled, f"{name} got no rescue code")
            return
        agree(account.enrolled, f"{name} got a rescue code for nothing")
        if account.rescue:
            account.dead.append(account.rescue[0])
        account.rescue = made.code, self.now + RESCUE_SECONDS

    @rule()
    def a_day_passes(self) -> None:
        self.move_the_clock(DAY + 1)

    @rule(seconds=st.sampled_from(MOVES))
    def time_passes(self, seconds: int) -> None:
        self.move_the_clock(seconds)
