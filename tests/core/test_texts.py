"""English, which needs no catalogue: texts filled in, plural forms, days and moments."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flask_twofactor.core.texts import ENGLISH, marked

WHEN = datetime(2027, 1, 5, 8, 4, 59, tzinfo=timezone.utc)


def test_a_text_is_itself_and_filled_in_where_there_is_something_to_fill_in() -> None:
    assert ENGLISH.gettext("100 % sure") == "100 % sure"
    assert ENGLISH.gettext("Added %(date)s.", date="today") == "Added today."
    assert marked("as it is") == "as it is"


@pytest.mark.parametrize(("count", "said"), [(0, "0 codes"), (1, "one code"), (2, "2 codes")])
def test_a_text_is_chosen_by_its_number(count: int, said: str) -> None:
    assert ENGLISH.ngettext("one code", "%(count)s codes", count) == said


def test_days_and_moments_are_in_words_and_a_moment_names_its_time_zone() -> None:
    assert ENGLISH.date(WHEN) == "5 January 2027"
    assert ENGLISH.moment(WHEN) == "5 January 2027, 08:04 UTC"
