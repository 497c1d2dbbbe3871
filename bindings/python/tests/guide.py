"""The guide's page, whose code is run as it is written there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import ormai.core
import ormai.policy
from ormai.core import Principal, RunContext
from ormai.quickstart import mount_sqlalchemy
from sqlalchemy import Integer, MetaData, String
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from databases import Ground

T = TypeVar("T")

PAGE = Path(__file__).parents[3] / "docs/guides/python-multi-tenant-setup.md"

IMPORTS: dict[str, Any] = {
    "Integer": Integer,
    **{name: getattr(ormai.core, name) for name in ormai.core.__all__},
    **{name: getattr(ormai.policy, name) for name in ormai.policy.__all__},
}
"""What the page uses without importing it."""


def blocks(page: str) -> dict[str, list[str]]:
    """The page's blocks of Python, by the heading that they stand under."""
    found: dict[str, list[str]] = {}
    heading = ""
    for part in re.split(r"(?ms)^(```\w*\n.*?^```$)", page):
        code = re.fullmatch(r"(?s)```python\n(.*)```", part)
        if code:
            found.setdefault(heading, []).append(code[1])
        elif not part.startswith("```"):
            headings = re.findall(r"(?m)^#+ (.*)$", part)
            heading = headings[-1] if headings else heading
    return found


BLOCKS = blocks(PAGE.read_text(encoding="utf-8"))


async def run(source: str, names: dict[str, Any]) -> Any:
    """Runs a block, which may await as in a notebook. Returns the value of its last line where that has one."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
        ast.fix_missing_locations(tree)
    names.pop("_", None)
    done = eval(compile(tree, PAGE.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(done):
        await done
    return names.get("_")


class Guide:
    """The guide's models on a driver, with a session."""

    def __init__(self, ground: Ground) -> None:
        self.names: dict[str, Any] = {"__name__": "guide", **IMPORTS}
        self.engine = ground.engine
        self.session: Any = AsyncSession(self.engine) if isinstance(self.engine, AsyncEngine) else Session(self.engine)
        self.names["session"] = self.session

    def __getitem__(self, name: str) -> Any:
        return self.names[name]

    async def run(self, section: str, number: int = 0) -> Any:
        """Runs a block of a section."""
        return await run(BLOCKS[section][number], self.names)

    def mount(self, policy: Any, **options: Any) -> Any:
        """The line that the guide leaves out."""
        self.names["policy"] = policy
        self.names["toolset"] = mount_sqlalchemy(self.engine, self["Base"], policy, **options)
        return self["toolset"]

    async def work(self, do: Callable[[Session], T]) -> T:
        """Does something with the session."""
        if isinstance(self.session, AsyncSession):
            return await self.session.run_sync(do)
        return do(self.session)

    async def fill(self, *rows: Any) -> None:
        """Makes the tables, and adds rows, each kind before the next."""
        metadata = MetaData()
        for table in self["Base"].metadata.sorted_tables:
            copied = table.to_metadata(metadata)
            for column in copied.columns:
                # The guide's text has no length, and without one MariaDB has none.
                if type(column.type) is String and column.type.length is None:
                    column.type = String(100)

        def made(session: Session) -> None:
            metadata.create_all(session.connection())
            for row in rows:
                session.add(row)
                session.flush()
            session.commit()

        await self.work(made)

    def ctx(self, tenant_id: str | None, user_id: str | None = "user-1", **more: Any) -> RunContext:
        """A context on the session."""
        return RunContext(principal=Principal(tenant_id=tenant_id, user_id=user_id, **more), db=self.session)

    async def close(self) -> None:
        done = self.session.close()
        if inspect.isawaitable(done):
            await done
