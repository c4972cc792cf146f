"""The page about the cost says what the figures say that are kept beside the bench."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench import chart, figures, goals, pages, tables

RUNS = ("growth", "jobs", "profile", "throughput")
TEXT = pages.PAGE.read_text(encoding="utf-8")


def test_the_tables_of_the_page_are_those_of_the_figures() -> None:
    assert pages.renewed(TEXT) == TEXT, "make figures"


def test_a_figure_that_is_another_is_noticed() -> None:
    changed = re.sub(r"(\d) µs", r"\1\1 µs", TEXT, count=1)
    assert changed != TEXT
    assert pages.renewed(changed) == TEXT


def test_every_table_of_every_run_stands_in_the_page_once() -> None:
    named = re.findall(r"<!-- `make figures` writes: (\w+) (\w+) -->", TEXT)
    assert sorted(named) == sorted((run, part.__name__) for run in RUNS for part in tables.PARTS[run])


def test_the_picture_is_that_of_the_figures_and_is_said_in_words_too() -> None:
    drawn = pages.PICTURE.read_text(encoding="utf-8")
    assert drawn == chart.draw(figures.read("jobs")), "make figures"
    picture = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    title, described = picture[0], picture[1]
    assert (title.tag.rpartition("}")[2], described.tag.rpartition("}")[2]) == ("title", "desc")
    assert "flask_twofactor" in (described.text or "")
    assert "prefers-color-scheme:dark" in drawn
    assert re.findall(r"(?:href|src)=", drawn) == []


@pytest.mark.parametrize("goal", goals.GOALS, ids=lambda goal: goal.what)
def test_every_goal_has_a_figure(goal: goals.Goal) -> None:
    assert goal.is_known(figures.read("jobs"))
