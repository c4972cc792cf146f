"""Two nodes of two workers behind nginx, on one PostgreSQL and one Redis, by real sockets and the real clock."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster.client import Answer, Browser, Form, Unanswered, Unavailable, code_of, wrong_code_of
from tests.cluster.nodes import Cluster, environment_of, new_database, running_nodes

Names = Callable[[int], list[str]]
REFUSED = "These details are not right"
SECONDS = 60


def send_at_once(forms: Iterable[Form], password: str, code: str) -> list[Answer]:
    """Send the forms at the same moment, each by a thread of its own."""
    waiting = list(forms)
    start = threading.Barrier(len(waiting))

    def send(form: Form) -> Answer:
        start.wait(SECONDS)
        return form.send(password, code)

    with ThreadPoolExecutor(len(waiting)) as pool:
        return list(pool.map(send, waiting))


# --- one code


@pytest.mark.requirement("RPL-01")
def test_one_code_posted_to_both_nodes_at_once_is_accepted_once(cluster: Cluster, names: Names) -> None:
    for name, secret in cluster.enrol(*names(20)).items():
        browsers = [Browser(port) for port in cluster.ports]
        forms = [browser.begin(name) for browser in browsers]
        answers = send_at_once(forms, f"{name}-password", code_of(secret))
        assert sorted(answer.status for answer in answers) == [200, 302]
        for browser, answer in zip(browsers, answers, strict=True):
            entered = name if answer.status == 302 else None
            assert answer.status == 302 or REFUSED in answer.text
            for browser.port in cluster.ports:
                assert browser.me == entered


@pytest.mark.requirement("RPL-01")
def test_a_code_that_one_node_accepted_is_refused_by_the_other(cluster: Cluster, names: Names) -> None:
    [(name, secret)] = cluster.enrol(*names(1)).items()
    code = code_of(secret)
    one, two = (Browser(port) for port in cluster.ports)
    assert one.begin(name).send(f"{name}-password", code).status == 302
    assert REFUSED in two.begin(name).send(f"{name}-password", code).text
    assert one.me == name
    assert two.me is None


@pytest.mark.requirement("SES-03")
def test_a_log_in_on_one_node_holds_on_the_other_until_its_log_out_there(cluster: Cluster, names: Names) -> None:
    [(name, secret)] = cluster.enrol(*names(1)).items()
    one, two = cluster.ports
    browser = Browser(one)
    assert browser.log_in(name, secret).status == 302
    copy = browser.copy(one)
    browser.port = two
    assert browser.me == name
    assert browser.get("/logout").status == 200
    assert browser.me is None
    assert copy.me is None


# --- one count


def fail_in_turn(name: str, ports: Iterable[int], address: str) -> list[int]:
    """Send one wrong password after another, each to the next port; gives how each was answered."""
    statuses = []
    for port in ports:
        browser = Browser(port)
        browser.address = address
        answer = browser.begin(name).send("wrong")
        statuses.append(answer.status)
        if answer.status == 429:
            assert 0 < int(answer.headers["Retry-After"]) <= 61  # what Redis has left is in whole seconds
    return statuses


@pytest.mark.requirement("THR-01", "THR-13")
def test_failures_on_either_node_reach_the_limit_of_a_name_and_a_source_together(
    cluster: Cluster, names: Names
) -> None:
    one, two = cluster.ports
    mixed, alone = names(2)
    here, there = Browser(one).address, Browser(one).address
    expected = [200] * 5 + [429] * 2
    assert fail_in_turn(alone, [one] * 7, here) == expected
    assert fail_in_turn(mixed, [one, two, one, two, one, two, one], there) == expected


@pytest.mark.requirement("RPL-04", "THR-13")
def test_failures_at_once_on_both_nodes_are_counted_exactly(cluster: Cluster, names: Names) -> None:
    [name] = names(1)
    browsers = [Browser(port) for port in cluster.ports * 6]
    for browser in browsers:
        browser.address = browsers[0].address
    answers = send_at_once([browser.begin(name) for browser in browsers], "wrong", "123456")
    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (5, 7)


@pytest.mark.requirement("THR-07")
def test_behind_nginx_each_address_is_a_source_of_its_own(cluster: Cluster, names: Names) -> None:
    [name] = names(1)
    port = cluster.nginx.port
    here, there = Browser(port).address, Browser(port).address
    assert fail_in_turn(name, [port] * 6, here) == [200] * 5 + [429]
    assert fail_in_turn(name, [port], there) == [200]


def guess_in_turn(cluster: Cluster, name: str, secret: str, guesses: int) -> None:
    """Send wrong codes with the right password, to one node and the other, each from another address."""
    for turn in range(guesses):
        answer = Browser(cluster.ports[turn % 2]).begin(name).send(f"{name}-password", wrong_code_of(secret))
        assert answer.status == 200
        assert REFUSED in answer.text


@pytest.mark.requirement("RPL-04", "THR-01", "THR-04")
def test_wrong_codes_on_either_node_spend_one_silent_budget(cluster: Cluster, names: Names) -> None:
    (nine, its_secret), (ten, other_secret) = cluster.enrol(*names(2)).items()
    guess_in_turn(cluster, nine, its_secret, 9)
    guess_in_turn(cluster, ten, other_secret, 10)
    for port in cluster.ports:
        browser = Browser(port)
        answer = browser.log_in(ten, other_secret)
        assert (answer.status, browser.me) == (200, None)
        assert REFUSED in answer.text
    assert Browser(cluster.ports[1]).log_in(nine, its_secret).status == 302


# --- a node that dies


@dataclass(frozen=True)
class Entered:
    name: str
    browser: Browser
    worker: str


def enter(port: int, name: str, secret: str | None) -> Entered:
    """Log in as a person does: who meets an error tries again, with the code that the authenticator shows next."""
    browser = Browser(port)
    for tries in range(4):
        try:
            answer = browser.log_in(name, secret, steps=min(tries, 1))
        except Unanswered:
            continue
        assert answer.status == 302, (name, tries, answer.status, answer.text)
        return Entered(name, browser, answer.worker)
    raise AssertionError(f"{name} did not get in")


def still_in(cluster: Cluster, entered: Entered) -> bool:
    """Tell whether the session of a log-in works on both nodes."""
    return all(entered.browser.me == entered.name for entered.browser.port in cluster.ports)


@pytest.mark.slow
@pytest.mark.requirement("RPL-01", "THR-13")
def test_a_node_that_is_killed_in_the_middle_of_1000_log_ins_loses_none_that_was_confirmed(
    cluster: Cluster, names: Names
) -> None:
    people: dict[str, str | None] = dict.fromkeys(names(500))
    people.update(cluster.enrol(*names(500)))
    pairs = interleave(people)
    dying = cluster.nodes[1]
    with ThreadPoolExecutor(16) as pool:
        entered: list[Entered] = []
        for task in as_completed(start_entering(pool, cluster, pairs[:650])):
            entered.append(task.result())
            if len(entered) == 350:
                dying.kill()
        dying.start()
        entered += [task.result() for task in start_entering(pool, cluster, pairs[650:])]
        assert len(entered) == 1000
        assert all(pool.map(lambda one: still_in(cluster, one), entered))
    before, after = ({one.worker for one in part} for part in (entered[:350], entered[650:]))
    assert before - after, "the node had answered before it was killed"
    assert after - before, "and after it was started again"


def start_entering(
    pool: ThreadPoolExecutor, cluster: Cluster, people: Iterable[tuple[str, str | None]]
) -> list[Future[Entered]]:
    """Begin to log people in through nginx."""
    return [pool.submit(enter, cluster.nginx.port, name, secret) for name, secret in people]


def interleave(people: dict[str, str | None]) -> list[tuple[str, str | None]]:
    """Give the people without a factor and those with one in turn."""
    items = list(people.items())
    half = len(items) // 2
    return [one for pair in zip(items[:half], items[half:], strict=True) for one in pair]


# --- a server that stops


@pytest.mark.requirement("STO-07")
def test_while_postgresql_is_down_the_answer_is_503_and_afterwards_all_is_as_before(
    cluster: Cluster, names: Names
) -> None:
    plain, other = names(2)
    secrets = cluster.enrol(*names(3))
    (signed_in, secret), *enrolled = secrets.items()
    visitor = Browser(cluster.ports[0])
    assert visitor.log_in(signed_in, secret).status == 302
    visitors = [visitor.copy(port) for port in cluster.ports]
    forms = [(Browser(port).begin(name), name) for port, name in zip(cluster.ports, (plain, other), strict=True)]
    forms += [(Browser(port).begin(name), name) for port, (name, _) in zip(cluster.ports, enrolled, strict=True)]
    with cluster.without(cluster.postgresql):
        answers = [visitor.get("/me") for visitor in visitors]
        for form, name in forms:
            code = code_of(secrets[name]) if name in secrets else None
            answers.append(form.send(f"{name}-password", code))
            answers.append(form.send("wrong", "123456"))
            assert "/me" not in form.browser.get("/me").text
    assert [answer.status for answer in answers] == [503] * len(answers)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert [answer.headers.get_all("Set-Cookie", []) for answer in answers] == [[]] * len(answers)
    assert [visitor.me for visitor in visitors] == [signed_in] * 2
    for form, name in forms:
        assert form.browser.me is None
        assert form.send(f"{name}-password", code_of(secrets[name]) if name in secrets else None).status == 302
        assert form.browser.me == name


@pytest.mark.requirement("STO-07")
def test_while_redis_is_down_log_ins_answer_503_and_who_is_in_stays_in(cluster: Cluster, names: Names) -> None:
    plain, *_ = names(1)
    secrets = cluster.enrol(*names(2))
    (signed_in, secret), (enrolled, other_secret) = secrets.items()
    visitor = Browser(cluster.ports[0])
    assert visitor.log_in(signed_in, secret).status == 302
    visitors = [visitor.copy(port) for port in cluster.ports]
    forms = [Browser(port).begin(name) for port, name in zip(cluster.ports, (plain, enrolled), strict=True)]
    given = [(f"{plain}-password", None), (f"{enrolled}-password", code_of(other_secret))]
    with cluster.without(cluster.redis):
        answers = [form.send(*fields) for form, fields in zip(forms, given, strict=True)]
        answers += [form.send("wrong", "123456") for form in forms]
        assert [visitor.me for visitor in visitors] == [signed_in] * 2
        assert [form.browser.me for form in forms] == [None] * 2
    assert [answer.status for answer in answers] == [503] * len(answers)
    assert [form.send(*fields).status for form, fields in zip(forms, given, strict=True)] == [302] * 2
    assert [form.browser.me for form in forms] == [plain, enrolled]


@pytest.mark.requirement("THR-13")
def test_what_redis_counted_before_it_stopped_counts_afterwards(cluster: Cluster, names: Names) -> None:
    [name] = names(1)
    one, two = cluster.ports
    address = Browser(one).address
    assert fail_in_turn(name, [one, two, one], address) == [200] * 3
    with cluster.without(cluster.redis):
        pass
    assert fail_in_turn(name, [two, one, two], address) == [200] * 2 + [429]


@dataclass(frozen=True)
class Outcome:
    status: int
    name: str
    browser: Browser


def log_in_until(stopping: threading.Event, port: int, waiting: queue.Queue[str], told: queue.Queue[Outcome]) -> None:
    """Log one account in after another, and tell how each was answered."""
    while not stopping.is_set():
        name = waiting.get_nowait()
        browser = Browser(port)
        try:
            status = browser.log_in(name).status
        except Unavailable:
            status = 503
        told.put(Outcome(status, name, browser))


def take(told: queue.Queue[Outcome], status: int, count: int) -> list[Outcome]:
    """Take outcomes until so many had that status."""
    taken: list[Outcome] = []
    while sum(one.status == status for one in taken) < count:
        taken.append(told.get(timeout=SECONDS))
    return taken


@pytest.mark.slow
@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("kind", ["postgresql", "redis"])
def test_a_server_that_stops_in_the_middle_of_log_ins_loses_none_and_each_node_recovers_by_itself(
    kind: str, cluster: Cluster, names: Names
) -> None:
    server = cluster.postgresql if kind == "postgresql" else cluster.redis
    waiting: queue.Queue[str] = queue.Queue()
    for name in names(5000):
        waiting.put(name)
    told: queue.Queue[Outcome] = queue.Queue()
    stopping = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        tasks = [pool.submit(log_in_until, stopping, port, waiting, told) for port in cluster.ports * 3]
        try:
            outcomes = take(told, 302, 30)
            with cluster.without(server):
                outcomes += take(told, 503, 30)
            outcomes += take(told, 302, 30)
        finally:
            stopping.set()
        for task in tasks:
            task.result()
        assert {outcome.status for outcome in outcomes} == {302, 503}
        entered = [Entered(one.name, one.browser, "") for one in outcomes if one.status == 302]
        assert all(pool.map(lambda one: still_in(cluster, one), entered))
        assert [one.browser.me for one in outcomes if one.status == 503] == [None] * (len(outcomes) - len(entered))


# --- the first start


def waiting_backends(watching: psycopg.Connection[tuple[int]]) -> int:
    """Wait a little, and count the connections that wait for a lock."""
    watching.execute("SELECT pg_sleep(0.1)")
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'empty' AND wait_event_type = 'Lock'"
    row = watching.execute(query).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.slow
@pytest.mark.requirement("KEY-04")
def test_eight_workers_that_start_at_once_on_an_empty_database_make_its_tables_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    new_database(cluster.postgresql, "empty")
    environment = environment_of(cluster.postgresql, cluster.redis, "empty")
    before = len(cluster.postgresql.log.read_text())
    address = f"host=127.0.0.1 port={cluster.postgresql.port} user=tests dbname=empty"
    with running_nodes(environment, tmp_path, 4) as nodes, ThreadPoolExecutor(256) as pool:
        elsewhere = address.replace("dbname=empty", "dbname=postgres")  # where nothing waits
        with psycopg.connect(address) as holding, psycopg.connect(elsewhere, autocommit=True) as watching:
            # Whoever looks up a name waits for this: so all eight stand at the start when it is let go.
            holding.execute("LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE")
            tasks: list[Any] = []
            for look in range(300):  # half a minute: workers take their time to import on a busy machine
                if waiting_backends(watching) == 8:
                    break
                if look < 60:
                    tasks += [pool.submit(Browser(node.port).get, "/two-factor/identify") for node in nodes]
            else:
                pytest.fail("eight workers never stood at the start together")
        answers = [task.result() for task in tasks]
        said = "".join(node.log.read_text() for node in nodes)
    assert {answer.status for answer in answers} == {200}
    assert "Traceback" not in said
    assert "does not answer" not in said
    assert "ERROR" not in cluster.postgresql.log.read_text()[before:]
    with psycopg.connect(address) as connection:
        rows = connection.execute("SELECT name FROM twofactor_meta ORDER BY name").fetchall()
    # What the workers note of themselves, for doctor, is no part of making the store.
    assert [name for (name,) in rows if not name.startswith("seen_")] == ["key_check", "schema"]
