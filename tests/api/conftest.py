"""One web server for all the tests that ask one over a socket."""

from collections.abc import Iterator

import pytest

from config.bench.web import Web
from tests.api.serving import Caller, make_secret, serving


@pytest.fixture(scope="package")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A running gunicorn; whatever it reports as its own failure fails the last test."""
    folder = tmp_path_factory.mktemp("web")
    with serving(folder) as running:
        yield running
    log = (folder / "web.log").read_text()
    assert "unexpected error" not in log, log[-4000:]
    assert "Error handling a request" not in log, log[-4000:]


@pytest.fixture
def platform(web: Web) -> Iterator[Caller]:
    """A program with a key of the platform that may do everything."""
    with Caller(web, make_secret(None)) as caller:
        yield caller
