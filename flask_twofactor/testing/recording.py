"""What a store owes to the events that it keeps, and to whoever asks for one account."""

from __future__ import annotations

from ..core.budget import Budget
from ..core.records import Event
from .ground import NOW, Ground, someone


class Recording(Ground):
    """Events, in the order in which they were written."""

    def test_the_events_of_an_account_are_given_newest_first_and_no_more_than_asked_for(self) -> None:
        store, subject = self.store(), someone()
        written = [Event(f"twofactor-{number}", subject, NOW - number) for number in range(5)]
        for event in written:
            store.add_event(event, 0)
            store.add_event(Event("twofactor-other", someone(), NOW), 0)
        assert store.events(subject, 3) == [written[4], written[3], written[2]]
        assert store.events(subject, 9) == written[::-1]
        assert store.events(someone(), 9) == []

    def test_an_event_is_kept_with_all_that_it_says(self) -> None:
        store, subject = self.store(), someone()
        details = {"reason": "wrong", "offset": -1, "factor": True, "by": 'ops "\u00e9"\n'}
        event = Event("twofactor-code-rejected", subject, NOW, "192.0.2.0/24", "A browser \u00e9", details)
        store.add_event(event, 0)
        assert store.events(subject, 1) == [event]

    def test_the_events_of_all_are_given_newest_first(self) -> None:
        store, one, other = self.store(), someone(), someone()
        written = [Event("twofactor-logged-in", subject, NOW) for subject in (one, other, one)]
        for event in written:
            store.add_event(event, 0)
        found = [event for event in store.events(None, 1000) if event.subject in (one, other)]
        assert found == written[::-1]

    def test_an_account_that_is_forgotten_takes_its_events_along_and_no_others(self) -> None:
        store, one, other = self.store(), someone(), someone()
        for subject in (one, other):
            store.add_event(Event("twofactor-logged-in", subject, NOW), 0)
        store.forget(one)
        assert (len(store.events(one, 9)), len(store.events(other, 9))) == (0, 1)

    def test_a_reset_leaves_the_events(self) -> None:
        store, subject = self.store(), someone()
        store.add_event(Event("twofactor-logged-in", subject, NOW), 0)
        store.reset(subject)
        assert len(store.events(subject, 9)) == 1

    def test_events_are_asked_for_by_kind_and_by_when_they_happened(self) -> None:
        store, one, other = self.store(), someone(), someone()
        kinds = [f"twofactor-{someone()}", f"twofactor-{someone()}"]
        written = [Event(kinds[at % 2], (one, other)[at // 2 % 2], NOW + at) for at in range(12)]
        for event in written:
            store.add_event(event, 0)
        of_kind = [event for event in written[::-1] if event.kind == kinds[0]]
        assert store.events(None, 99, kinds[0]) == of_kind
        assert store.events(None, 2, kinds[0]) == of_kind[:2]
        assert store.events(None, 99, kinds[0], NOW + 4) == of_kind[:4]
        assert store.events(one, 99, kinds[1]) == [event for event in written[::-1] if event.at - NOW in (1, 5, 9)]
        assert [event.at - NOW for event in store.events(one, 99, since=NOW + 5)] == [9, 8, 5]
        assert store.events(one, 99, "twofactor-other") == []

    def test_one_account_is_told_of_as_in_the_list_of_all(self) -> None:
        store, subject = self.store(), someone()
        store.set_required(someone(), True)
        assert store.account(subject) is None
        store.set_required(subject, True)
        store.begin_grace(subject, NOW)
        budget, charge = Budget().charge(NOW, "known")
        assert store.charge(subject, NOW, "known") == charge
        found = store.account(subject)
        assert found is not None
        assert (found.subject, found.factor, found.since) == (subject, None, None)
        assert (found.required, found.grace_from, found.budget) == (True, NOW, budget)
        assert found in list(store.accounts())
