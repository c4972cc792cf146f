"""Fixtures of the attacks: the site on each mount, and a maker of sites with settings of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.mounts import MOUNTS
from tests.attacks.site import Site, Visitor, make_site, make_template

MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with alice and mallory enrolled, to be copied."""
    return make_template(tmp_path_factory.mktemp("attacks"))


@pytest.fixture(params=MOUNTS)
def mount(request: pytest.FixtureRequest) -> str:
    """The name of a mount; a test about one of them says so by `only`."""
    return str(request.param)


@pytest.fixture
def build(mount: str, template: Path, tmp_path: Path) -> MakeSite:
    """Make a site on the mount, with hooks and settings of its own; a second one in a folder of its own."""

    def make(folder: str = "", **options: object) -> Site:
        where = tmp_path / folder
        where.mkdir(exist_ok=True)
        return make_site(where, mount, template=template, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def site(build: MakeSite) -> Site:
    """The attacked site: alice and mallory have the factor, bob and carol have not."""
    return build()


@pytest.fixture
def a(site: Site) -> Visitor:
    """Client A."""
    return site.client()


@pytest.fixture
def b(site: Site) -> Visitor:
    """Client B, elsewhere."""
    return site.client()
