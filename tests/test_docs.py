"""The documentation says what there is: every setting, hook, signal, command and page; its links lead somewhere."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from flask_twofactor import TwoFactor, signals, testing
from flask_twofactor.settings import TEMPLATE_SETS
from flask_twofactor.state import Hooks
from flask_twofactor.testing import ways
from flask_twofactor.web.pages import CONTRACT
from tests.docs.blocks import PAGES, ROOT
from tests.support import contract, reference
from tests.support.commands import commands
from tests.support.described import TEMPLATES
from tests.support.host import Host, csrf_token
from tests.support.programs import need
from tests.support.reference import FOLDER as REFERENCE

PICTURES = sorted((ROOT / "docs/images").glob("*.png"))


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda page: page.name)
def test_what_the_reference_takes_from_the_code_is_as_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert reference.renewed(text) == text, "run: make docs-reference"


def test_every_part_that_is_made_stands_in_one_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")]
    assert sorted(part for text in texts for part in reference.parts_of(text)) == sorted(reference.PARTS)


def test_a_part_that_the_code_says_otherwise_is_noticed() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert reference.renewed(page.replace("`TWOFACTOR_ALARM`", "`TWOFACTOR_BELL`")) == page


each_set = pytest.mark.parametrize("template_set", TEMPLATE_SETS)


def parsed(template_set: str) -> dict[str, nodes.Template]:
    """Give the templates of a set as syntax trees, by the names of their files."""
    files = [*TEMPLATES.glob("*.html"), *(TEMPLATES / "sets" / template_set).glob("*.html")]
    environment = Environment()  # noqa: S701 - nothing is rendered
    return {file.name: environment.parse(file.read_text(encoding="utf-8")) for file in files}


def test_every_hook_and_call_is_documented() -> None:
    text = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
    public = {name for name, _ in inspect.getmembers(TwoFactor, inspect.isfunction) if not name.startswith("_")}
    assert set(Hooks.__dataclass_fields__) <= public
    missing = {name for name in public - {"init_app"} if f"`{name}`" not in text and f"two_factor.{name}" not in text}
    assert not missing


def test_no_hook_or_call_is_documented_that_there_is_not() -> None:
    text = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
    rows = text[text.index("## Hooks") :]
    named = {*re.findall(r"^\| `(\w+)` \|", rows, re.M), *re.findall(r"^\| `@?two_factor\.(\w+)", rows, re.M)}
    assert len(named) > 20
    assert not {name for name in named if not hasattr(TwoFactor, name)}


def test_every_signal_is_documented() -> None:
    sent = {name for name, value in vars(signals).items() if hasattr(value, "send")}
    assert sent == set(re.findall(r"^\| `(\w+)`", reference.PARTS["signals"](), re.M))


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    for name, command in commands().items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{name}")), "")
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert row, name
        assert set(re.findall(r"--[a-z-]+", row.rpartition(" | ")[2])) == set(options), name


def test_no_command_is_documented_that_there_is_not() -> None:
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([a-z][a-z-]*)", text, re.M))
    assert rows == set(commands())


def test_every_testing_helper_is_documented() -> None:
    text = (ROOT / "docs/reference/testing.md").read_text(encoding="utf-8")
    plugin = (ROOT / "_flask_twofactor_pytest.py").read_text(encoding="utf-8")
    fixtures = re.findall(r"^@pytest\.fixture\ndef (\w+)", plugin, re.M)
    walk = inspect.signature(testing.assert_every_route_needs_second_factor).parameters
    calls = {f".{name}" for name in vars(testing.TwoFactorClient) if not name.startswith("_")}
    assert len(fixtures) == 3
    for name in {*fixtures, *calls, *testing.__all__, *walk, *testing.Walk.__dataclass_fields__}:
        assert f"`{name}`" in text or f"`{name}(" in text, name
    for way in (value for name, value in vars(ways).items() if name.isupper() and name[0] != "_"):
        assert f"| {way} |" in text, way


def test_what_is_said_of_endpoints_by_hand_names_endpoints(host: Host) -> None:
    text = (ROOT / "docs/reference/endpoints.md").read_text(encoding="utf-8")
    said = text[text.index("| in the query") : text.index("## What they answer")]
    pages = {rule.endpoint.removeprefix("twofactor.") for rule in host.app.url_map.iter_rules()}
    queries = re.findall(r"^\| `[\w=]+` \| (.*?) \|", said, re.M)
    buttons = re.findall(r"\((`.*?`)\)", said)
    named = {name for names in (*queries, *buttons) for name in re.findall(r"`(\w+)`", names)}
    assert len(named) > 12
    assert named <= pages


@each_set
def test_every_template_and_block_is_documented_and_no_other(template_set: str) -> None:
    trees = parsed(template_set)
    blocks = {name: {block.name for block in tree.find_all(nodes.Block)} for name, tree in trees.items()}
    assert blocks == contract.documented_blocks()


@each_set
def test_every_value_that_a_template_uses_is_documented(template_set: str) -> None:
    """That each documented one is there too, page by page, is tested with the pages: test_template_sets.py."""
    text = contract.text()
    known = set().union(*contract.documented_values().values())
    for name, tree in parsed(template_set).items():
        for value in tree.find_all(nodes.Getattr):
            owner = value.node.name if isinstance(value.node, nodes.Name) else getattr(value.node, "attr", "")
            if owner == "twofactor":
                assert value.attr in known, f"{name}: twofactor.{value.attr}"
            elif owner in ("brand", "language", "one", "line"):
                assert f"`.{value.attr}`" in text, f"{name}: {owner}.{value.attr}"


@each_set
def test_every_macro_is_documented_with_what_it_takes_and_no_other(template_set: str) -> None:
    macros = parsed(template_set)["_macros.html"].find_all(nodes.Macro)
    signatures = {f"{macro.name}({', '.join(one.name for one in macro.args)})" for macro in macros}
    assert signatures == contract.documented_macros()


def test_the_reference_has_the_version_of_the_contract() -> None:
    assert f"It is **{CONTRACT}**." in contract.text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def anchors_of(page: Path) -> set[str]:
    """Give the anchors that a code host and the site make of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in anchors_of(page.parent / target if target else page), f"{target}#{anchor}"


@pytest.mark.parametrize("index", sorted((ROOT / "docs").glob("*/**/index.md")), ids=lambda page: page.parent.name)
def test_the_index_of_a_folder_has_every_page_in_it(index: Path) -> None:
    text = index.read_text(encoding="utf-8")
    contents = re.findall(r"^```{toctree}\n(.*?)^```$", text, re.M | re.S)
    listed = {line for block in contents for line in block.splitlines()}
    pages = {page.stem for page in index.parent.glob("*.md")} - {"index"}
    assert "*" in listed or pages <= listed, sorted(pages - listed)
    assert all(f"({name}.md)" in text for name in pages if "*" not in listed)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_shown_with_words_for_those_who_do_not_see_it(picture: Path) -> None:
    assert picture.stat().st_size < 80_000
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    said = [found for text in texts for found in re.findall(rf"!\[([^\]]*)\]\([./\w]*{picture.name}\)", text)]
    assert said
    assert all(len(words) > 20 for words in said)


def test_the_readme_s_console_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block is run to the letter, and the person in it logs in."""
    monkeypatch.chdir(tmp_path)  # its instance folder, and not one of an earlier run in this tree
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(code for code in re.findall(r"```python\n(.*?)```", readme, re.S) if "TwoFactor(app)" in code)
    (tmp_path / "console.py").write_text(block, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("console", tmp_path / "console.py")
    assert spec is not None
    assert spec.loader is not None
    console = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(console)
    client = console.app.test_client()
    page = client.get("/", follow_redirects=True)
    page = client.post(
        "/two-factor/identify?next=/", data={"csrf_token": csrf_token(page), "identifier": "sam"}, follow_redirects=True
    )
    page = client.post(
        "/two-factor/credential",
        data={"csrf_token": csrf_token(page), "password": "correct horse"},
        follow_redirects=True,
    )
    assert page.text == "you are in"


@pytest.mark.requirement("VER-14")
def test_it_is_said_plainly_that_a_code_does_not_resist_phishing_and_what_does() -> None:
    text = (ROOT / "docs/explanation/limits.md").read_text(encoding="utf-8")
    assert "TOTP does not resist phishing" in text
    assert "security key" in text


def test_the_readme_opens_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8")[:200]
    assert "make demo" in head
    assert "make test" in head


def test_the_picture_of_the_flow_can_be_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "flow.png"
    source = ROOT / "docs/images/flow.svg"
    subprocess.run([need("rsvg-convert"), str(source), "-o", str(picture)], check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")
