from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.decoy import RATIO, shows_code_box

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))
DOMAINS = ["harbor.test", "mail.test", "example.org", "a.io", "long-name-of-a-company.example"]


def some_names(count: int) -> list[str]:
    pick = random.Random(20261101)
    letters = string.ascii_lowercase
    words = ["".join(pick.choices(letters, k=pick.randint(3, 12))) for _ in range(count)]
    return [f"{word}@{pick.choice(DOMAINS)}" for word in words]


NAMES = some_names(5000)


def chi_square(group: Callable[[str], object]) -> float:
    """Pearson's statistic of the box against a property of the name."""
    boxes = {name: shows_code_box(KEY, name) for name in NAMES}
    share = sum(boxes.values()) / len(NAMES)
    sizes = Counter(group(name) for name in NAMES)
    shown = Counter(group(name) for name, box in boxes.items() if box)
    return sum((shown[key] - size * share) ** 2 / (size * share * (1 - share)) for key, size in sizes.items())


@pytest.mark.requirement("ENU-05")
@pytest.mark.parametrize("ratio", [0.05, 0.10, 0.25, 0.50])
def test_the_share_of_absent_names_with_a_box_is_the_ratio_within_two_points(ratio: float) -> None:
    share = sum(shows_code_box(KEY, name, ratio) for name in NAMES) / len(NAMES)
    assert abs(share - ratio) <= 0.020


@pytest.mark.requirement("ENU-05")
def test_the_ratio_is_a_quarter_unless_another_is_given() -> None:
    assert RATIO == 0.25
    assert [shows_code_box(KEY, name) for name in NAMES] == [shows_code_box(KEY, name, 0.25) for name in NAMES]


# Critical values of chi-square at p = 0.001, from a printed table.
@pytest.mark.parametrize(
    ("group", "groups", "critical"),
    [
        (lambda name: name.index("@"), 10, 27.877),
        (lambda name: name[0], 26, 52.620),
        (lambda name: name.partition("@")[2], 5, 18.467),
    ],
    ids=["length", "first letter", "domain"],
)
def test_the_box_is_independent_of_what_a_name_looks_like(
    group: Callable[[str], object], groups: int, critical: float
) -> None:
    assert len({group(name) for name in NAMES}) == groups
    assert chi_square(group) < critical


def test_this_chi_square_sees_a_dependence() -> None:
    assert chi_square(lambda name: shows_code_box(KEY, name)) > 1000


@given(st.binary(min_size=32, max_size=32), st.text())
def test_the_same_name_always_gets_the_same_answer(key: bytes, name: str) -> None:
    assert shows_code_box(key, name) is shows_code_box(key, name)


def test_another_key_gives_other_answers() -> None:
    other = bytes(32)
    differ = sum(shows_code_box(KEY, name) is not shows_code_box(other, name) for name in NAMES)
    assert 0.30 < differ / len(NAMES) < 0.45  # 2 * 0.25 * 0.75


def test_a_rising_ratio_takes_no_box_away() -> None:
    fewer = {name for name in NAMES if shows_code_box(KEY, name, 0.20)}
    more = {name for name in NAMES if shows_code_box(KEY, name, 0.25)}
    assert fewer < more


_ELSEWHERE = """
import json, sys
from flask_twofactor.core.decoy import shows_code_box
json.dump([shows_code_box(bytes(range(32)), name) for name in json.load(sys.stdin)], sys.stdout)
"""


@pytest.mark.requirement("ENU-02")
def test_three_processes_give_a_thousand_names_the_same_answers() -> None:
    names = NAMES[:1000]
    here = [shows_code_box(KEY, name) for name in names]
    for seed in ("0", "1", "random"):
        done = subprocess.run(
            [sys.executable, "-c", _ELSEWHERE],
            input=json.dumps(names),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == here


def test_the_answers_of_this_release_are_those_of_the_next() -> None:
    names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"]
    assert [shows_code_box(KEY, name, 0.5) for name in names] == [True, False, False, False, True, True, True, True]


def test_a_name_that_is_no_text_of_unicode_has_an_answer_too() -> None:
    assert {shows_code_box(KEY, f"{name}\ud800") for name in NAMES[:100]} == {True, False}
