"""Which processes ran at once, by when each was seen first and last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.sightings import NOTHING, Seen, Server, note, read

HOUR, DAY = 3600, 86400
digits = st.text("0123456789abcdef", min_size=8, max_size=8)
times = st.integers(min_value=0, max_value=10**12 - 1)


def seen(*servers: tuple[str, int, int]) -> Seen:
    """Read what processes left: the machine's letter, and the hours from which and to which each served."""
    value = None
    for number, (machine, first, last) in enumerate(servers):
        value = note(value, Server(machine * 8, f"{number:08x}", first * HOUR, last * HOUR))
    return read(None, None, value)


def at_once(*servers: tuple[str, int, int]) -> tuple[int, int]:
    found = seen(*servers)
    return found.processes, found.machines


def test_nothing_was_seen_where_nothing_is_written() -> None:
    assert read(None, None, None) == NOTHING
    assert read("", None, "what nobody wrote") == NOTHING


def test_headers_and_tls_are_given_as_they_were_noted() -> None:
    assert read("near 1800000000", "1800000000", None) == Seen("near", 1_800_000_000, tls=True)


def test_processes_that_serve_at_once_run_beside_each_other() -> None:
    assert at_once(("a", 1, 5), ("a", 2, 6), ("a", 3, 4)) == (3, 1)
    assert at_once(("a", 1, 5), ("b", 2, 6), ("a", 3, 4)) == (3, 2)


def test_a_process_that_took_the_place_of_another_does_not_run_beside_it() -> None:
    assert at_once(("a", 1, 5), ("a", 6, 9), ("a", 9, 12)) == (1, 1)
    assert at_once(("a", 1, 5), ("b", 5, 9)) == (1, 1), "nor does the machine of the next release"


def test_a_restart_that_overlaps_for_minutes_is_none_beside_another() -> None:
    old, new = Server("a" * 8, "0" * 8, 0, HOUR + 599), Server("a" * 8, "1" * 8, HOUR, 9 * HOUR)
    assert read(None, None, note(note(None, old), new)).processes == 1
    later = Server("a" * 8, "0" * 8, 0, HOUR + 600)
    assert read(None, None, note(note(None, later), new)).processes == 2


def test_what_ran_a_day_ago_is_forgotten() -> None:
    assert at_once(("a", 1, 5), ("a", 1, 5), ("a", 6, 28)) == (2, 1)
    assert at_once(("a", 1, 5), ("a", 1, 5), ("a", 6, 29)) == (1, 1)


def test_a_process_is_noted_again_in_its_own_place() -> None:
    once = note(None, Server("a" * 8, "0" * 8, 0, HOUR))
    again = note(once, Server("a" * 8, "0" * 8, 0, 9 * HOUR))
    assert again.count("a" * 8) == 1
    assert read(None, None, again).processes == 1


@given(st.lists(st.builds(Server, digits, digits, times, times), max_size=40))
def test_the_value_has_room_in_its_column_whatever_comes(servers: list[Server]) -> None:
    value = None
    for server in servers:
        value = note(value, server)
        assert len(value) <= 512
        assert value.startswith(f"{server.machine}:{server.process}:"), "who was seen last is never dropped"
