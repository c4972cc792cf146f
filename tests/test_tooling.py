"""What the project ships and promises about itself: the wheel, the requirements page, the rules of a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import requires
from pathlib import Path

import psycopg
import pytest
import qrcode
import redis
from flask import Flask
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from playwright.sync_api import Browser
from qrcode.image.svg import SvgPathImage

from tests.support import NO_SKIPS, programs, requirements
from tests.support.authenticator import oathtool_code, rsvg_draw, zbar_read
from tests.support.browser import axe_violations, new_page
from tests.support.server import serve
from tests.versions import ENDS

ROOT = requirements.ROOT
NOT_COPIED = (".git", ".*_cache", ".venv", ".hypothesis", "__pycache__", "instance", "dist", "build")
PLUGIN = "_flask_twofactor_pytest.py"
DATA = (
    "py.typed",
    "templates/twofactor/base.html",
    "templates/twofactor/sets/bootstrap5/_set.html",
    "static/twofactor/",
)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("distributions")
    shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*NOT_COPIED))
    # hatchling is among our tools: without isolation nothing has to be fetched.
    build = (sys.executable, "-I", "-m", "build", "--no-isolation")
    run(*build, "--outdir", folder / "dist", folder / "tree", cwd=folder)
    return folder / "dist"


@pytest.mark.slow
def test_wheel_and_sdist_carry_templates_static_files_and_the_type_marker(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    (sdist,) = distributions.glob("*.tar.gz")
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = archive.getnames()
    for name in DATA:
        assert any(path.startswith(f"flask_twofactor/{name}") for path in in_wheel), name
        assert any(f"/flask_twofactor/{name}" in path for path in in_sdist), name
    tops = {path.split("/")[0] for path in in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"flask_twofactor", PLUGIN}
    assert any(path.endswith(f"/{PLUGIN}") for path in in_sdist)


@pytest.mark.slow
def test_every_file_of_the_package_is_in_the_wheel(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    package = ROOT / "flask_twofactor"
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.slow
def test_the_wheel_logs_a_person_in_from_a_new_environment(distributions: Path, tmp_path: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    # Our own pip, and no bytecode of what is never imported: half the time.
    pip = (sys.executable, "-I", "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--disable-pip-version-check", "--no-compile", wheel, cwd=tmp_path)
    script = ROOT / "tests" / "support" / "installed_login.py"
    assert run(python, "-I", script, cwd=tmp_path) == "logged in\n"


def test_the_requirements_page_is_fresh_and_every_marker_names_a_known_id() -> None:
    run(sys.executable, "-m", "tests.support.requirements", "--check", cwd=ROOT)


def test_a_marker_with_an_unknown_id_is_refused() -> None:
    catalogue = requirements.read_catalogue()
    with pytest.raises(requirements.RequirementsError, match=r"test_x\.py::test_y names NIL-99"):
        requirements.render(catalogue, {("NIL-99", "tests/test_x.py::test_y")})


def test_the_oldest_end_pins_the_lower_bound_of_every_dependency() -> None:
    pinned = {canonicalize_name(pin.name): pin for pin in map(Requirement, ENDS["oldest"].pins)}
    needed = [one for one in map(Requirement, requires("flask-twofactor") or []) if one.marker is None]
    assert len(needed) >= 10
    for one in needed:
        (bound,) = one.specifier
        assert bound.operator == ">=", f"{one.name}: a host pins what it runs"
        (pin,) = pinned[canonicalize_name(one.name)].specifier
        assert (pin.operator, Version(pin.version)) == ("==", Version(bound.version)), one.name


def test_oathtool_agrees_with_the_vectors_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the RFC's "12345678901234567890"; its last six digits
    moments = {59: "287082", 1111111109: "081804", 2000000000: "279037", 20000000000: "353130"}
    assert {at: oathtool_code(secret, at) for at in moments} == moments


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"needs oathtool \(Debian: oathtool\)"):
        programs.need("oathtool")


def test_ci_installs_the_package_of_every_program_and_runs_all_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for program in programs.PROGRAMS.values():
        assert f"missing+=({program.debian})" in script
    assert script.endswith(f"export {NO_SKIPS}=1\nmake test\nmake docs\nmake cluster\n")


def test_the_tests_of_several_machines_are_left_out_of_the_default_run_and_not_of_their_own() -> None:
    collect = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    kept = {"cluster", "conftest.py", Path(__file__).name}  # no need to import all others
    others = [f"--ignore={other}" for other in (ROOT / "tests").iterdir() if other.name not in kept]
    for folder, theirs in (("tests", False), ("tests/cluster", True)):
        assert ("tests/cluster/test_cluster.py::" in run(*collect, *others, folder, cwd=ROOT)) is theirs


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_postgresql_database_of_its_own(turn: int, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE here (turn integer)")
        connection.execute("INSERT INTO here VALUES (%s)", [turn])
        assert connection.execute("SELECT turn FROM here").fetchall() == [(turn,)]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_redis(turn: int, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.incr("turn") == 1


def page_app(body: str, policy: str = "default-src 'self'") -> Flask:
    app = Flask("page")
    document = f"<!doctype html><html lang=en><title>Page</title><main><h1>Page</h1>{body}</main></html>"

    @app.get("/")
    def page() -> tuple[str, dict[str, str]]:
        return document, {"Content-Security-Policy": policy}

    return app


@pytest.mark.parametrize("javascript", [True, False])
def test_a_page_that_breaks_its_policy_fails_the_test(browser: Browser, javascript: bool) -> None:
    with (
        serve(page_app("<p style='color: red'>Red</p>")) as url,
        pytest.raises(AssertionError, match="Content Security Policy"),
        new_page(browser, javascript=javascript) as page,
    ):
        page.goto(url)


def test_a_page_that_calls_another_host_fails_the_test(browser: Browser) -> None:
    with (
        serve(page_app("<img alt='' src='http://192.0.2.1/x.png'>", policy="img-src *")) as url,
        pytest.raises(AssertionError, match=r"another host: http://192\.0\.2\.1/x\.png"),
        new_page(browser) as page,
    ):
        page.goto(url, wait_until="domcontentloaded")


def test_axe_finds_what_is_wrong_and_only_that(browser: Browser) -> None:
    with (
        serve(page_app("<input name=code>")) as bad,
        serve(page_app("<label>Code <input name=code></label>")) as good,
        new_page(browser, bypass_csp=True, dark=True, width=390) as page,
    ):
        page.goto(good)
        assert axe_violations(page) == []
        page.goto(bad)
        assert [line.partition(":")[0] for line in axe_violations(page)] == ["label"]


def test_a_qr_code_is_read_from_a_picture(tmp_path: Path) -> None:
    uri = "otpauth://totp/Console:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Console"
    svg = qrcode.make(uri, image_factory=SvgPathImage).to_string(encoding="unicode")
    assert zbar_read(rsvg_draw(svg, tmp_path / "qr.png")) == uri


LEAK = """\
import flask

def test_leak() -> None:
    flask.Flask("leak").test_request_context().push()

def test_after() -> None:
    assert not flask.has_app_context()
"""


def test_a_leaked_context_fails_its_own_test_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_it.py").write_text(LEAK, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    plugins = ("-p", "tests.support.contexts", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = (sys.executable, "-m", "pytest", *plugins, "--rootdir", str(tmp_path))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "left Flask contexts pushed: request" in done.stdout
    assert "2 passed, 1 error" in done.stdout


SKIPS = {
    "test_in_body.py": "import pytest\n\ndef test_it() -> None:\n    pytest.skip('in its body')\n",
    "test_by_mark.py": "import pytest\n\n@pytest.mark.skip(reason='by a mark')\ndef test_it() -> None: ...\n",
    "test_module.py": "import pytest\n\npytest.skip('as a module', allow_module_level=True)\n",
    "test_expected.py": "import pytest\n\ndef test_it() -> None:\n    pytest.xfail('known')\n",
    "test_passing.py": "def test_it() -> None: ...\n",
}


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("forbidden", "closing"),
    [("1", "1 failed, 1 passed, 1 xfailed, 2 errors"), ("0", "1 passed, 3 skipped, 1 xfailed")],
)
def test_a_skip_fails_the_run_where_skips_are_forbidden(
    forbidden: str, closing: str, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in SKIPS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(NO_SKIPS, forbidden)
    plugins = ("-p", "tests.support.noskips", "-p", "no:cacheprovider")
    options = ("-n", workers, "-rs", "--continue-on-collection-errors", "--rootdir", str(tmp_path))
    command = (sys.executable, "-m", "pytest", *plugins, *options)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == int(forbidden), done.stdout
    assert closing in done.stdout
    for told in (*list(SKIPS)[:3], "in its body", "by a mark", "as a module"):
        assert told in done.stdout
