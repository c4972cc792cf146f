from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_twofactor.core.budget import Attempt, Budget
from flask_twofactor.core.known import Known
from flask_twofactor.core.records import (
    Account,
    Brand,
    Enrolment,
    Event,
    Factor,
    HostLogin,
    Mark,
    Note,
    Notice,
    Origin,
    Pending,
    Purge,
    Recovery,
    Sheet,
    Standing,
    Trusted,
    TrustToken,
    new_epoch,
    new_id,
)
from flask_twofactor.flows.authenticators import Shown
from flask_twofactor.flows.factor import Guess
from flask_twofactor.flows.keys import Rotation
from flask_twofactor.flows.login import Login, SignIn
from flask_twofactor.flows.manage import Session, Status
from flask_twofactor.flows.recovery import NewCodes
from flask_twofactor.flows.rescue import Rescue
from flask_twofactor.flows.setup import Setup

RECORDS: list[Any] = [
    Account,
    Attempt,
    Brand,
    Budget,
    Enrolment,
    Event,
    Factor,
    Guess,
    HostLogin,
    Login,
    NewCodes,
    Note,
    Notice,
    Origin,
    Pending,
    Purge,
    Rescue,
    Rotation,
    Session,
    Setup,
    Sheet,
    Shown,
    SignIn,
    Status,
    Trusted,
]


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_is_made_never_changes(kind: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(object.__new__(kind), dataclasses.fields(kind)[0].name, "other")


@pytest.mark.requirement("STO-12")
@pytest.mark.parametrize(
    ("kind", "hidden"),
    [
        (Enrolment, ("sealed", "opened_by")),
        (Note, ("id",)),
        (Trusted, ("digest",)),
        (Rescue, ("code",)),
        (Guess, ("text",)),
        (Login, ("token",)),
        (SignIn, ("id", "replaces")),
        (Setup, ("secret", "uri")),
    ],
)
def test_what_must_not_be_read_in_a_log_is_not_in_the_repr(kind: Any, hidden: tuple[str, ...]) -> None:
    record = kind(**{one.name: "hidden" if one.name in hidden else "shown" for one in dataclasses.fields(kind)})
    assert "hidden" not in repr(record)
    assert "shown" in repr(record)


@pytest.mark.requirement("STO-12")
def test_new_codes_show_none_of_themselves() -> None:
    sheet = Sheet(("hidden",), "hidden")
    assert "hidden" not in repr(sheet)
    assert "hidden" not in repr(NewCodes(["hidden"], "hidden", sheet))


def test_the_repr_of_what_a_trusted_browser_holds_says_which_it_is() -> None:
    assert repr(TrustToken("the id", "the value")) == "TrustToken(browser='the id')"


def test_the_repr_of_a_standing_says_what_stands() -> None:
    mark = "Mark(subject='alice', enrolment='life', created_at=1)"
    whole = Standing(7, "life", 0, 0, "digest", "alice", "life", 1, 2, 3, 4)
    assert repr(whole) == f"Standing(epoch=7, factor='life', mark={mark})"
    assert repr(Standing()) == "Standing(epoch=0, factor=None, mark=None)"


def test_a_factor_is_as_old_as_its_oldest_authenticator_and_stands_without_one() -> None:
    old, young = (Enrolment(name, "alice", "sealed", 1, confirmed_at=at) for name, at in (("a", 5), ("b", 9)))
    assert Factor("a", "alice", (old, young)).since == 5
    assert Factor("a", "alice", ()).since is None


def test_a_code_that_is_presented_is_no_rescue_code_where_nothing_says_so() -> None:
    assert Recovery(3) == (3, 0)


def test_where_a_session_or_a_browser_came_from_need_not_be_known() -> None:
    mark = Mark("digest", "alice", "life", 1, 2, 3, 4)
    assert (mark.rescued, mark.source, mark.agent) == (0, "", "")
    trusted = Trusted("id", "alice", "life", "digest", 1, 2)
    assert (trusted.source, trusted.agent) == ("", "")
    assert Enrolment("id", "alice", "sealed", 1).name == ""


def test_the_repr_of_a_mark_says_whose_it_is() -> None:
    assert repr(Mark("digest", "alice", "life", 1, 2, 3, 4)) == "Mark(subject='alice', enrolment='life', created_at=1)"


def test_a_new_enrolment_is_pending_and_nothing_was_spent_or_guessed() -> None:
    fresh = Enrolment("id", "alice", "sealed", 1)
    assert (fresh.confirmed_at, fresh.opened_by, fresh.last_step, fresh.tries) == (None, None, -1, 0)


def test_an_account_that_was_never_seen_has_no_factor_and_no_mark() -> None:
    nothing = Standing()
    assert nothing.epoch == 0
    assert nothing.factor is None
    assert (nothing.digest, nothing.subject, nothing.enrolment) == (None, None, None)
    assert nothing[2:4] == (0, 0)
    assert set(nothing[7:]) == {0}
    assert nothing.mark is None
    assert (nothing.enabled, nothing.bound) == (False, False)


def test_ids_are_128_bits_and_never_the_same() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(bytes.fromhex(one)) for one in made} == {16}


@pytest.mark.requirement("STO-09")
def test_an_epoch_is_never_that_of_an_account_that_was_never_seen() -> None:
    made = {new_epoch() for _ in range(1000)}
    assert len(made) == 1000
    assert all(one > 0 and one % 2 == 1 for one in made)
    assert max(made).bit_length() <= 62
    assert max(made).bit_length() > 50


def test_a_notice_and_an_origin_keep_what_they_were_given() -> None:
    origin = Origin("192.0.2.1", "a browser")
    notice = Notice("kind", 1, origin, "subject", "body")
    assert (notice.kind, notice.at, notice.origin) == ("kind", 1, origin)
    assert Known(b"i", b"s", b"n", 1).at == 1


@pytest.mark.parametrize("missing", ["digest", "subject", "enrolment"])
def test_a_mark_of_which_anything_is_missing_was_not_found(missing: str) -> None:
    whole = Standing(1, "life", 1, 9, "digest", "alice", "life", 1, 2, 3, 4, 1)
    assert whole.mark == Mark("digest", "alice", "life", 1, 2, 3, 4, 1)
    assert (whole.enabled, whole.bound, whole._replace(enrolment="another").bound) == (True, True, False)
    without: dict[str, Any] = {missing: None}
    assert whole._replace(**without).mark is None


def test_what_a_brand_or_a_step_does_not_have_is_none() -> None:
    brand = Brand("key", "name", "issuer")
    assert (brand.logo, brand.support_url, Pending("alice", 1).target) == (None, None, None)
