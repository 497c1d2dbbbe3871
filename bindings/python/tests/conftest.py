"""Fixtures that every test can build on.

`ground` is a driver on a fresh database, and a test that asks for it runs once for each driver;
`@pytest.mark.drivers("psycopg", "asyncpg")` or `@pytest.mark.databases("sqlite")` says on which alone,
`@pytest.mark.synchronous` and `@pytest.mark.asynchronous` on which kind. `shop` has tables and rows in it as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from databases import DRIVERS, Driver, Ground, fresh_database, unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from attacked import Estate


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "drivers(*names): runs on these drivers alone",
        "databases(*names): runs on these databases alone: sqlite, postgresql, mysql",
        "synchronous: runs on the drivers with a synchronous session alone",
        "alters: makes or changes tables, so that it needs a database of its own",
        "asynchronous: runs on the drivers with an asynchronous session alone",
    ):
        config.addinivalue_line("markers", line)


def _wanted(driver: Driver, definition: pytest.Function | pytest.Item) -> bool:
    names = [name for mark in definition.iter_markers("drivers") for name in mark.args]
    databases = [name for mark in definition.iter_markers("databases") for name in mark.args]
    if (names and driver.name not in names) or (databases and driver.database not in databases):
        return False
    kinds = {mark for mark in ("synchronous", "asynchronous") if definition.get_closest_marker(mark)}
    return not kinds or ("asynchronous" if driver.is_async else "synchronous") in kinds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" not in metafunc.fixturenames:
        return
    chosen = [driver for driver in DRIVERS if _wanted(driver, metafunc.definition)]
    metafunc.parametrize("driver", chosen, ids=[driver.name for driver in chosen], indirect=True)


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Driver:
    """The driver; a test that asks for it runs once for each."""
    chosen: Driver = request.param
    reason = unavailable(chosen)
    if reason is not None:
        pytest.skip(reason)
    return chosen


@pytest.fixture
def ground(driver: Driver, tmp_path: Path) -> Iterator[Ground]:
    """The driver on a database of its own, without tables."""
    with fresh_database(driver.database, tmp_path) as url:
        made = Ground(driver, url)
        yield made
        made.dispose()


@pytest.fixture
def shop(ground: Ground) -> Ground:
    """The driver on a database with the models of `shop` and rows of two tenants."""
    import shop as models

    ground.create_all(models.Base.metadata)
    ground.run(models.fill, commits=True)
    return ground


@pytest.fixture(scope="session")
def attacked_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], URL]]:
    """By database, one with the models of `attacked` and their rows. Nothing in it is ever committed."""
    with ExitStack() as databases:
        made: dict[str, URL] = {}

        def url_of(database: str) -> URL:
            if database not in made:
                made[database] = databases.enter_context(
                    attacked_database(database, tmp_path_factory.mktemp("attacked"))
                )
            return made[database]

        yield url_of


@pytest.fixture
def attacked_ground(
    driver: Driver, attacked_urls: Callable[[str], URL], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Ground]:
    """The driver on such a database; `@pytest.mark.alters` is for a test that makes or changes tables."""
    with ExitStack() as databases:
        if request.node.get_closest_marker("alters"):
            url = databases.enter_context(attacked_database(driver.database, tmp_path))
        else:
            url = attacked_urls(driver.database)
        made = Ground(driver, url)
        yield made
        made.dispose()


@contextmanager
def attacked_database(database: str, folder: Path) -> Iterator[URL]:
    """A database with the models of `attacked` and their rows."""
    from attacked import Base, fill

    with fresh_database(database, folder) as url:
        ground = Ground(next(driver for driver in DRIVERS if driver.database == database and not driver.is_async), url)
        ground.create_all(Base.metadata)
        ground.run(fill, commits=True)
        ground.dispose()
        yield url


@pytest_asyncio.fixture
async def estate(attacked_ground: Ground) -> AsyncIterator[Estate]:
    """What the attacks are made on, with a session whose transaction is rolled back."""
    from attacked import Estate

    made = Estate(attacked_ground)
    yield made
    await made.close()
