"""What pytest loads in every session: the marker and `--monaiseg NAME`. All else is imported when that is given."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    told = "check the network, encoder or block NAME (or plugin:NAME), and run no tests but those asked for by path"
    parser.getgroup("monaiseg").addoption(
        "--monaiseg", metavar="NAME", action="append", default=[], dest="monaiseg", help=told
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; with `--monaiseg` and no path, collect nothing else."""
    config.addinivalue_line("markers", "conformance: a check of the monaiseg conformance kit")
    if config.option.monaiseg and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add a test for each check of what `--monaiseg` names."""
    if session.config.option.monaiseg:
        from monaiseg.errors import MonaisegError
        from monaiseg.testing.pytest import items_of

        try:
            items += [item for name in session.config.option.monaiseg for item in items_of(session, name)]
        except MonaisegError as error:
            raise pytest.UsageError(str(error)) from error
