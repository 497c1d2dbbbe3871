"""What a query costs through OrmAI, against the same written by hand with SQLAlchemy Core.

    python bench/bench.py                                     # on SQLite
    python bench/bench.py --postgres                          # and on PostgreSQL: ORMAI_TEST_POSTGRES_URL
    python bench/bench.py --upstream VENV/bin/python          # and beside the package `ormai` 0.2.1 from PyPI
    python bench/bench.py --wheel target/wheels/ormai-….whl   # and the size of a wheel

Each variant is a process of its own, and they take turns: a round is some hundred calls of each. A figure is the median
over the rounds; a ratio is taken within each round, so that what slows the machine for a while slows both. Build with
`--release`, or the figures say nothing. `--upstream` needs an environment with `ormai==0.2.1` and `SQLAlchemy>=2.0,<2.1`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from data import ORDERS, ROWS, TENANTS, fill
from sqlalchemy.engine import make_url

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from databases import fresh_database  # noqa: E402


@dataclass
class Variant:
    """One way to make the query."""

    name: str
    word: str
    url: str
    against: str | None = None
    """What it is measured against."""
    bar: str = ""
    python: str = sys.executable
    rounds: list[float] = field(default_factory=list)
    """The median of each round, in microseconds."""

    def start(self) -> None:
        command = [self.python, str(HERE / "worker.py"), self.word, self.url]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.answer() != "ready":
            raise SystemExit(f"{self.name} cannot be measured; see above")

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def round(self, calls: int) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        return statistics.median(json.loads(self.answer())) / 1000

    def end(self) -> None:
        self.process.communicate()


def variants(sqlite: str, postgres: str | None, upstream: str | None) -> list[Variant]:
    """What is measured."""
    asynchronous = sqlite.replace("sqlite:", "sqlite+aiosqlite:")
    made = [
        Variant("SQLite: Core on a Session", "core", sqlite),
        Variant("SQLite: toolset on a Session", "toolset", sqlite, "SQLite: Core on a Session", "at most 1.0"),
        Variant("SQLite: Core on an AsyncSession", "core_async", asynchronous),
        Variant(
            "SQLite: toolset on an AsyncSession",
            "toolset_async",
            asynchronous,
            "SQLite: Core on an AsyncSession",
            "at most 1.0",
        ),
    ]
    if upstream is not None:
        made.append(
            Variant(
                "SQLite: ormai 0.2.1 from PyPI",
                "upstream",
                sqlite,
                "SQLite: toolset on a Session",
                "at least 3",
                upstream,
            )
        )
    if postgres is not None:
        psycopg = make_url(postgres).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        made += [
            Variant("PostgreSQL: Core on a Session", "core", psycopg),
            Variant(
                "PostgreSQL: toolset on a Session", "toolset", psycopg, "PostgreSQL: Core on a Session", "at most 1.0"
            ),
            Variant("PostgreSQL: Core on an AsyncSession", "core_async", psycopg),
            Variant(
                "PostgreSQL: toolset on an AsyncSession",
                "toolset_async",
                psycopg,
                "PostgreSQL: Core on an AsyncSession",
                "at most 1.0",
            ),
            Variant("PostgreSQL: ormai.connect", "connect", postgres, "PostgreSQL: Core on a Session", "at most 0.67"),
        ]
    return made


def measure(measured: list[Variant], rounds: int, calls: int) -> None:
    """Has the variants take turns."""
    for variant in measured:
        variant.start()
    for number in range(rounds + 1):
        # Forwards and backwards, so that none is always behind the same one.
        for variant in measured if number % 2 else reversed(measured):
            took = variant.round(calls)
            if number:
                variant.rounds.append(took)
    for variant in measured:
        variant.end()


def report(measured: list[Variant]) -> None:
    """Prints the figures."""
    by_name = {variant.name: variant for variant in measured}
    print(f"{ORDERS:,} orders of {TENANTS} tenants, {ROWS} rows back; medians of {len(measured[0].rounds)} rounds\n")
    print(f"{'':42}{'µs a call':>10}{'calls/s':>10}{'ratio':>8}  against")
    for variant in measured:
        took = statistics.median(variant.rounds)
        line = f"{variant.name:42}{took:10.1f}{1e6 / took:10.0f}"
        if variant.against in by_name:
            base = by_name[variant.against]
            ratios = [one / other for one, other in zip(variant.rounds, base.rounds, strict=True)]
            line += f"{statistics.median(ratios):8.2f}  {base.name} ({variant.bar})"
        print(line)


def import_time() -> float:
    """How long `import ormai` takes in a fresh process, in milliseconds."""
    script = "import time; t = time.perf_counter(); import ormai; print((time.perf_counter() - t) * 1000)"
    run = [sys.executable, "-c", script]
    return statistics.median(
        float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(15)
    )


def main() -> None:
    """Measures, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="store_true", help="on the tests' server too, in a database of its own")
    parser.add_argument("--upstream", metavar="PYTHON", help="a Python that has the package from PyPI")
    parser.add_argument("--wheel", metavar="PATH", type=Path, help="a wheel whose size is told")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=300, help="calls of each variant in a round")
    options = parser.parse_args()
    with ExitStack() as databases:
        folder = databases.enter_context(tempfile.TemporaryDirectory())
        sqlite = f"sqlite:///{folder}/orders.db"
        began = time.monotonic()
        fill(sqlite)
        postgres = None
        if options.postgres:
            url = databases.enter_context(fresh_database("postgresql", Path(folder)))
            fill(url.render_as_string(hide_password=False))
            postgres = url.set(drivername="postgres").render_as_string(hide_password=False)
        print(f"the rows are made ({time.monotonic() - began:.1f} s)\n")
        measured = variants(sqlite, postgres, options.upstream)
        measure(measured, options.rounds, options.calls)
        report(measured)
    print(f"\nimport ormai: {import_time():.1f} ms (at most 60)")
    if options.wheel:
        print(f"the wheel: {options.wheel.stat().st_size / 1e6:.1f} MB (at most 12)")


if __name__ == "__main__":
    main()
