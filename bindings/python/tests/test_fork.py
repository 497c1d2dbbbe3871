"""Processes that are forked from one in which a policy was mounted: `gunicorn --preload`, Celery, multiprocessing."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evaluating import ACME, POLICY
from ormai._drive import drive
from ormai.core import RunContext
from ormai.core.errors import AuditUnavailableError
from ormai.quickstart import mount_sqlalchemy
from ormai.store import AuditStore, JsonlAuditStore, MemoryAuditStore
from ormai.tools import Toolset, tool
from ormai.tools._mount import no_tool
from shop import Base, fill
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
HANGS = 60


@tool
def nothing(ctx: Any) -> int:
    """Does nothing, after its intent was written to the disk."""
    return 0


def shop_of(path: Path, store: AuditStore) -> Toolset:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        fill(session)
        session.commit()
    return mount_sqlalchemy(engine, Base, POLICY, audit_store=store, tools=[nothing])


def is_good(store: AuditStore) -> bool:
    report: dict[str, Any] = drive(store.opened_sync().verify(), None, no_tool)[1]
    return bool(report["ok"])


def calls(toolset: Toolset) -> None:
    """A read, and a write, whose intent is on the disk before it is made."""
    toolset.sync.query(RunContext(principal=ACME), model="Order")
    toolset.sync.update(RunContext(principal=ACME), model="Order", id=1, data={"status": "paid"})


def in_child(work: Callable[[], Any]) -> int:
    """What a forked process exits with: 0 when `work` came to its end. One that hangs is ended."""
    with warnings.catch_warnings():
        # Threads are what is put to the test.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(HANGS)
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_parent_and_child_each_go_on_in_a_chain_of_their_own(tmp_path: Path) -> None:
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = shop_of(tmp_path / "shop.db", store)
    calls(toolset)

    def grandchild() -> None:
        calls(toolset)
        assert in_child(lambda: calls(toolset)) == 0
        calls(toolset)

    assert in_child(grandchild) == 0
    assert in_child(lambda: toolset.sync.query(RunContext(principal=ACME), model="Order")) == 0
    calls(toolset)
    assert is_good(store)
    records = store.sync.query(limit=1000)
    assert len(records) == 11 and all(record.outcome == "answered" for record in records)
    assert len({record.chain for record in records}) == 4


def test_a_child_does_not_wait_for_threads_that_it_does_not_have(tmp_path: Path) -> None:
    """While it is forked, threads of the parent write to the same store: whatever they hold stays held."""
    store = JsonlAuditStore(tmp_path / "audit.jsonl")
    toolset = shop_of(tmp_path / "shop.db", store)
    # SQLite itself does not survive a fork while another thread uses it.
    busy = [shop_of(tmp_path / f"busy{number}.db", store) for number in range(3)]
    is_over = threading.Event()

    def write(other: Toolset) -> None:
        while not is_over.is_set():
            other.sync.call(RunContext(principal=ACME), "nothing", {})

    threads = [threading.Thread(target=write, args=(other,)) for other in busy]
    for thread in threads:
        thread.start()
    try:
        codes = [in_child(lambda: calls(toolset)) for _ in range(20)]
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 20
    assert is_good(store)


def test_what_is_kept_in_memory_is_refused_with_a_hint(tmp_path: Path) -> None:
    toolset = shop_of(tmp_path / "shop.db", MemoryAuditStore())
    calls(toolset)

    def refused() -> None:
        with pytest.raises(AuditUnavailableError, match="build the toolset in each process, after the fork"):
            calls(toolset)

    assert in_child(refused) == 0
    calls(toolset)
