"""``make timing``: whether response times tell names or reasons apart (tests T7 and T9 of the enumeration design).

Kinds of attempts in random order on one warm worker, nothing dropped, compared by the Mann-Whitney statistic: 0.5 is
"no difference". T7 measures twice: up to the last byte of the response, and up to when the worker takes the next
request, for what waits for the end of a response keeps it busy. The clock is moved beyond every limit between attempts,
so that each is judged. The password hash of the host is a cheap one, so that it hides nothing; OWASP asks for one of
``--hash 600000``. ``--rounds`` attempts of each kind; exits with 1 where a value lies outside 0.47 to 0.53 twice.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import hmac
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_twofactor import TwoFactor
from tests.support.host import Clock, Host, csrf_token, make_host
from tests.support.memory import write_to_memory
from tests.support.watching import ghost

LOW, HIGH = 0.47, 0.53
BOX = ("wrong password", "right password, wrong code", "absent, with a code box", "inactive, all of it right")

PLAIN = ("wrong password, no factor", "absent, without a code box")
Times = dict[str, list[float]]


def auc(a: Sequence[float], b: Sequence[float]) -> float:
    """Give the chance that a value of ``a`` lies above one of ``b`` (Mann-Whitney's U over n times m)."""
    ranked = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    rank_sum, index = 0.0, 0
    while index < len(ranked):
        end = index
        while end < len(ranked) and ranked[end][0] == ranked[index][0]:
            end += 1
        middle = (index + 1 + end) / 2
        rank_sum += middle * sum(1 for _, group in ranked[index:end] if group == 0)
        index = end
    return (rank_sum - len(a) * (len(a) + 1) / 2) / (len(a) * len(b))


def make(folder: Path, clock: Clock, slow_notices: bool, hash_rounds: int) -> Host:
    """Make the host; its notices take half a second each with ``slow_notices`` (T9)."""

    @functools.cache
    def kept(password: str) -> bytes:
        return hashed(password)

    def hashed(password: str) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", hash_rounds)

    def wire(two_factor: TwoFactor) -> None:
        @two_factor.password_check
        def check(user: Any, password: str) -> bool:  # does its duty: the same work for nobody
            right = hmac.compare_digest(hashed(password), kept(user.password if user else "nobody's"))
            return right and user is not None

        if slow_notices:
            two_factor.notify(lambda user, notice: time.sleep(0.5))

    host = make_host(folder, clock, wire=wire, TWOFACTOR_DATABASE_URI=f"sqlite:///{folder}/store.sqlite")
    for name in ("alice", "carol"):
        host.enroll(name)
    host.users["carol"].active = False
    return host


def attempts(host: Host) -> dict[str, Callable[[], tuple[str, str, str | None]]]:
    """Give a maker of (name, password, code) for each kind."""
    boxed, unboxed = ghost(host, box=True), ghost(host, box=False)
    return {
        BOX[0]: lambda: ("alice", "not her password", host.wrong_code("alice")),
        BOX[1]: lambda: ("alice", "alice-password", host.wrong_code("alice")),
        BOX[2]: lambda: (boxed, "not her password", "123456"),
        BOX[3]: lambda: ("carol", "carol-password", host.code("carol")),
        PLAIN[0]: lambda: ("bob", "not his password", None),
        PLAIN[1]: lambda: (unboxed, "not his password", None),
    }


def measure(host: Host, clock: Clock, rounds: int) -> tuple[Times, Times]:
    """Give the seconds of the credential POST of each attempt: up to the last byte, and until the worker is free."""
    kinds = attempts(host)
    times: Times = {name: [] for name in kinds}
    busy: Times = {name: [] for name in kinds}
    order = [name for name in kinds for _ in range(rounds)]
    random.shuffle(order)
    sources = itertools.count()
    for turn, kind in enumerate([*random.choices(list(kinds), k=60), *order]):
        clock.move(31 * 24 * 3600)
        number = next(sources)
        person = host.person(REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        name, password, code = kinds[kind]()
        page = person.identify(name)
        data: dict[str, str] = {"csrf_token": csrf_token(page), "password": password}
        if code is not None:
            data["code"] = code
        seconds, until_free = _post(host, person.cookies(), person.environ, data)
        if turn >= 60:  # the first ones warm the worker up
            times[kind].append(seconds)
            busy[kind].append(until_free)
    return times, busy


def _post(host: Host, cookies: dict[str, str], environ: dict[str, Any], data: dict[str, str]) -> tuple[float, float]:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    built = EnvironBuilder(
        "/two-factor/credential", method="POST", data=data, headers=[("Cookie", cookie)], environ_overrides=environ
    ).get_environ()
    start = time.perf_counter()
    chunks, status, _ = run_wsgi_app(host.app, built)
    b"".join(chunks)
    took = time.perf_counter() - start
    assert status.startswith("200"), status
    if callable(close := getattr(chunks, "close", None)):
        close()  # what waits for the end of the response is done here, when the client has it
    return took, time.perf_counter() - start


def judge(times: Times) -> dict[str, float]:
    """Give the statistic of every pair that must look alike."""
    pairs = [*itertools.combinations(BOX, 2), *itertools.combinations(PLAIN, 2)]
    return {f"{a} / {b}": auc(times[a], times[b]) for a, b in pairs}


def main() -> int:
    """Run T7 and T9, each again where a value lies outside."""
    parser = argparse.ArgumentParser(prog="python -m tests.timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--hash", type=int, default=100, help="rounds of the host's password hash (100)")
    options = parser.parse_args()
    rounds = options.rounds
    failed = False
    write_to_memory()  # the disk's noise would hide what there is to find
    for test, slow, count in (("T7", False, rounds), ("T9", True, max(50, rounds // 20))):
        outside: set[str] = set()
        for run in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                clock = Clock()
                times, busy = measure(make(Path(folder), clock, slow, options.hash), clock, count)
            found = judge(times)
            if not slow:
                found.update({f"{pair}, worker free": value for pair, value in judge(busy).items()})
            margin = 0.03 * max(1.0, (2000 / count) ** 0.5)  # 3.29 standard deviations at this size
            print(f"{test}, run {run}: {count} of each kind, AUC within 0.5 ± {margin:.3f}")
            for kind, values in times.items():
                free = statistics.median(busy[kind]) * 1e6
                print(f"  {kind:30} median {statistics.median(values) * 1e6:8.0f} µs, worker free after {free:8.0f} µs")
            for pair, value in found.items():
                print(f"  {pair:75} {value:.3f}{'' if abs(value - 0.5) <= margin else '  OUTSIDE'}")
            out = {pair for pair, value in found.items() if abs(value - 0.5) > margin}
            outside = out if run == 1 else outside & out
            if not outside:
                break
        failed = failed or bool(outside)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
