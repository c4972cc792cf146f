"""The bench still measures what it says: every contender of ours does its jobs, and the tools around them work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from bench import comparing, figures, growth, starting
from bench.contender import JOBS
from bench.crew import ENVIRONMENT, Absent, Entry, Worker, workers
from bench.figures import Samples
from bench.names import FLOOR, FLOOR_PAGES, OURS, PLAIN
from tests.support.server import serve

OWN = [one for one in comparing.HERE if one.module in ("plain", "floor", "floor_pages", "ours")]


@pytest.mark.slow
def test_every_contender_of_ours_does_each_of_its_jobs(tmp_path: Path) -> None:
    samples = {job: Samples() for job in JOBS}
    absent, memory = comparing.measure(OWN, tmp_path, 1, samples, warm_up=1)
    assert absent == {}
    assert memory.keys() == {one.name for one in OWN}
    assert samples["set-up page"].rounds.keys() == {FLOOR, OURS}
    for job in ("log-in with a code", "refused code"):
        assert samples[job].rounds.keys() == {FLOOR, FLOOR_PAGES, OURS}
    assert samples["log-in"].rounds.keys() == {PLAIN, FLOOR, FLOOR_PAGES, OURS}
    assert samples["console page"].rounds.keys() == {one.name for one in OWN} - {FLOOR_PAGES}


def test_a_contender_that_does_not_start_is_named_with_its_reason(tmp_path: Path) -> None:
    with workers([Entry("nobody", "nothing_of_that_name")], tmp_path) as (up, absent):
        assert up == {}
    assert "No module named 'bench.contenders.nothing_of_that_name'" in absent["nobody"]


def test_a_contender_that_fails_at_a_job_says_why(tmp_path: Path) -> None:
    worker = Worker(Entry("plain", "plain"), tmp_path)
    with pytest.raises(Absent, match="KeyError: 'a job that it has not'"):
        worker.ask("a job that it has not")
    worker.end()


def test_a_cold_start_is_taken_apart(tmp_path: Path) -> None:
    (plain,) = [one for one in OWN if one.name == PLAIN]
    found = starting.measure([plain], tmp_path, 1)
    parts = [found[stage][PLAIN]["median"] for stage in ("import", "app", "first page")]
    assert sum(parts) == pytest.approx(found["start"][PLAIN]["median"], rel=0.01)
    assert found["memory"][PLAIN]["median"] > 2**20


@pytest.mark.slow
def test_a_grown_store_is_filled_listed_purged_and_sealed_anew(tmp_path: Path) -> None:
    found = growth.measure("SQLite", {40: f"sqlite:///{tmp_path / 'grown.sqlite'}"}, tmp_path, 1, warm_up=1)
    commands = found["40"]["commands"]
    assert {name: one["rows"] for name, one in commands.items()} == {
        "flask twofactor list": 40,
        "flask twofactor purge": 8,  # sessions and counters, one in ten; the first log-in took the old events
        "flask twofactor rotate-keys": 40,
    }


def test_the_load_generator_notes_each_answer(tmp_path: Path) -> None:
    app = Flask("loaded")
    app.add_url_rule("/", "page", lambda: "a page " * 1000)
    with serve(app) as url:
        command = [sys.executable, "-m", "bench.load", url.rpartition(":")[2], "0.2", "2"]
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        done = subprocess.run(command, input=request, env=ENVIRONMENT, capture_output=True, check=True)
    taken = json.loads(done.stdout)["taken"]
    assert len(taken) > 2
    assert all(0 < one < 5 for one in taken)


def test_a_ratio_is_of_what_was_measured_side_by_side() -> None:
    samples = Samples()
    for load in (1.0, 10.0, 1.0):  # a machine that was busy for a while
        samples.add("base", [load] * 3)
        samples.add("other", [1.5 * load] * 3)
    assert figures.ratios(samples, {"other": "base", "absent": "base"}) == {
        "other": {"ratio": 1.5, "low": 1.5, "high": 1.5}
    }
