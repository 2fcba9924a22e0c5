"""The rows of the report: which side runs beside which anchor."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from config.bench.checkouts import Checkouts
from config.bench.claims import Claims, open_snapshot
from config.bench.course import Course
from config.bench.data import Codes, Data
from config.bench.imports import Imports
from config.bench.limit import redeem_statement, repeat_pgbench, run_pgbench
from config.bench.measure import Comparison, Sample, Side, take_turns
from config.bench.service import run_service
from config.bench.web import run_crowd, web_server
from config.progress import step
from credit.services.slots import USUAL_SLOTS

_SERVICE_TARGET: Final = 0.85
_HTTP_TARGET: Final = 0.30
_HTTP_P99_MS: Final = 100
_HOT_TARGET: Final = 0.85
_CLAIM_TARGET: Final = 0.70
_IMPORT_TARGET: Final = 6.0
_CHECKOUT_TARGET: Final = 0.80
# So many times the warm-up, before fifty connections have all had a hot customer's turn.
_SETTLES: Final = 8
# A first guess is low: it is taken while plans and buffers are cold, or the machine is busy.
_RESERVE: Final = 3
_BY_FUNCTION: Final = (Codes.LIMIT_MANY, Codes.LIMIT_HOT)
_BY_SERVICE: Final = (Codes.SERVICE_MANY, Codes.SERVICE_HOT)
_LIMIT_NAME: Final = "pgbench on the same function"

Run = Callable[[], Sample]


class Comparisons:
    """Every comparison of the bench, on one database.

    :param folder: where the logs of what is measured go.
    """

    def __init__(self, course: Course, data: Data, *, folder: Path) -> None:
        self.course = course
        self.data = data
        self.folder = folder
        self._rates: dict[int, float] = {}
        self._claims: Claims | None = None

    def service(self) -> Iterator[Comparison]:
        """The service in process, beside its function."""
        for threads in self.course.threads:
            codes = self._codes_for(threads) * self.course.rounds
            self._renew({Codes.LIMIT_MANY: codes, Codes.SERVICE_MANY: codes})
            yield self._compare(
                "Redeem service in process ÷ its function",
                threads,
                (_LIMIT_NAME, partial(self.run_limit, Codes.LIMIT_MANY, threads)),
                ("service", partial(self.run_service, Codes.SERVICE_MANY, threads)),
                least_ratio=_SERVICE_TARGET if threads == 8 else None,
            )

    def http(self) -> Iterator[Comparison]:
        """The partner API over HTTP, beside the same function."""
        clients = self.course.crowd
        codes = self._codes_for(clients)
        everything = codes * (self.course.rounds + 1)
        self._renew({Codes.LIMIT_MANY: everything, Codes.SERVICE_MANY: everything})
        with web_server(self.folder) as web:
            crowd = partial(
                run_crowd, web, self.data, clients=clients, codes=codes, course=self.course
            )
            # Each worker reads a good part of the code at its first requests.
            short = dataclasses.replace(self.course, seconds=min(1, self.course.seconds))
            crowd(codes=codes, course=short)
            yield self._compare(
                "Partner API over HTTP ÷ the function",
                clients,
                (_LIMIT_NAME, partial(self.run_limit, Codes.LIMIT_MANY, clients)),
                ("POST /api/v1/redemptions/", crowd),
                least_ratio=_HTTP_TARGET,
                most_p99_ms=_HTTP_P99_MS,
            )

    def hot(self) -> Iterator[Comparison]:
        """One account that pays for everything, beside as many as there are clients.

        In slots as an account that has so much to pay is to be; and as one number, for which
        nothing was promised, to see what the slots are good for.
        """
        clients = self.course.crowd
        codes = self._codes_for(clients) * self.course.rounds
        for name, many, hot, run, slots in (
            ("as one number, through the function", *_BY_FUNCTION, self.run_limit, 0),
            ("in slots, through the function", *_BY_FUNCTION, self.run_limit, USUAL_SLOTS),
            ("in slots, through the service", *_BY_SERVICE, self.run_service, USUAL_SLOTS),
        ):
            self._renew({many: codes, hot: codes})
            self.data.keep_hot_account_in(slots)
            yield self._compare(
                f"One hot account ÷ many accounts, {name}",
                clients,
                ("many accounts", partial(run, many, clients)),
                ("one hot account", partial(run, hot, clients)),
                least_ratio=_HOT_TARGET if slots else None,
            )

    def loyalty(self) -> Iterator[Comparison]:
        """Checkouts in process, beside their function; and all of them of one customer."""
        with step(f"{self.course.accounts + 1} shops"):
            checkouts = Checkouts(self.course)
        for threads in self.course.threads:
            yield self._compare(
                "Checkout in process ÷ its function",
                threads,
                (_LIMIT_NAME, partial(checkouts.run_function, threads)),
                ("service", partial(checkouts.run_service, threads)),
                least_ratio=_CHECKOUT_TARGET if threads == 8 else None,
            )
        crowd = self.course.crowd
        # Each connection plans its first checkout while all the others wait for the customer.
        checkouts.course = dataclasses.replace(
            self.course, warm_up_seconds=_SETTLES * self.course.warm_up_seconds
        )
        for name, run in (
            ("through the function", checkouts.run_function),
            ("through the service", checkouts.run_service),
        ):
            yield self._compare(
                f"Checkouts of one hot customer ÷ of many customers, {name}",
                crowd,
                ("many customers", partial(run, crowd)),
                ("one hot customer", partial(run, crowd, is_hot=True)),
            )

    def claims(self) -> Iterator[Comparison]:
        """A claim from a large pool, beside one from a small pool."""
        yield self._large_pool(self.course.large_pool)

    def imports(self) -> Iterator[Comparison]:
        """A file of cards by the importer, beside the same by bulk_create."""
        imports, rows = Imports(self.course, folder=self.folder), self.course.import_rows
        yield self._compare(
            f"Import of {rows:,} cards ÷ bulk_create",
            1,
            (f"bulk_create of {self.course.bulk_rows:,}", imports.run_bulk_create),
            (lambda: f"import_cards, peak {imports.peak_mb:.0f} MB", imports.run_importer),
            least_ratio=_IMPORT_TARGET,
        )

    def long_claims(self) -> Iterator[Comparison]:
        """The same for a far larger pool, and with a report open elsewhere."""
        yield self._large_pool(self.course.largest_pool)
        yield self._open_snapshot()

    def _large_pool(self, size: int) -> Comparison:
        claims = self._made_claims()
        with step(f"A pool of {size:,} cards"):
            large = claims.make_pools(count=1, each=size)
        wanted = self._claims_for(large) * self.course.rounds
        count = math.ceil(wanted / (self.course.small_pool // 2)) + self.course.rounds
        with step(f"{count} pools of {self.course.small_pool:,} cards"):
            claims.next_small = claims.make_pools(count=count, each=self.course.small_pool)
        return self._compare(
            f"Claim from a pool of {size:,} ÷ from pools of {self.course.small_pool:,}",
            self.course.crowd,
            (f"pools of {self.course.small_pool:,}", claims.run_small),
            (f"pool of {size:,}", partial(claims.run_large, large)),
            least_ratio=_CLAIM_TARGET,
        )

    def _open_snapshot(self) -> Comparison:
        """Compare claims after many others from the same pool, with and without a snapshot."""
        claims, many = self._made_claims(), self.course.many_claims
        probe = claims.make_pools(count=1, each=self.course.probes + self.course.crowd)
        each = many + self._claims_for(probe)
        with step(f"{2 * self.course.rounds} pools of {each:,} cards"):
            first = claims.make_pools(count=2 * self.course.rounds, each=each)
        pools = itertools.count(first)

        def run() -> Sample:
            pool = next(pools)
            claims.claim(pool, times=many)
            return claims.run_large(pool)

        def run_beside_a_report() -> Sample:
            with open_snapshot():
                return run()

        return self._compare(
            f"Claim after {many:,} claims with an open snapshot ÷ without",
            self.course.crowd,
            ("no snapshot", run),
            ("a snapshot open all the time", run_beside_a_report),
            least_ratio=_CLAIM_TARGET,
        )

    def _claims_for(self, pool: int) -> int:
        """Return how many claims one run may make, from how fast they are in a pool."""
        rate = self._made_claims().claim(pool, times=self.course.probes)
        return math.ceil(_RESERVE * max(rate, self.course.least_rate) * self._seconds_a_run)

    def _made_claims(self) -> Claims:
        if self._claims is None:
            self._claims = Claims(self.course)
        return self._claims

    def run_limit(self, kind: Codes, clients: int) -> Sample:
        return run_pgbench(redeem_statement(kind), clients=clients, course=self.course)

    def run_service(self, kind: Codes, threads: int) -> Sample:
        return run_service(self.data, kind, threads=threads, course=self.course)

    def _codes_for(self, clients: int) -> int:
        """Return how many codes one run may use up, from how fast the function is."""
        if clients not in self._rates:
            self._renew({Codes.LIMIT_MANY: self.course.probes + clients})
            with step(f"A first guess at {clients} clients"):
                rate = repeat_pgbench(
                    redeem_statement(Codes.LIMIT_MANY), clients=clients, times=self.course.probes
                )
            self._rates[clients] = max(rate, self.course.least_rate)
        return math.ceil(_RESERVE * self._rates[clients] * self._seconds_a_run)

    @property
    def _seconds_a_run(self) -> float:
        return self.course.warm_up_seconds + self.course.seconds + 1

    def _renew(self, wanted: dict[Codes, int]) -> None:
        with step(f"{sum(wanted.values()):,} codes and cards"):
            self.data.renew(wanted)

    def _compare(
        self,
        name: str,
        clients: int,
        anchor: tuple[str, Run],
        side: tuple[str | Callable[[], str], Run],
        *,
        least_ratio: float | None = None,
        most_p99_ms: float | None = None,
    ) -> Comparison:
        with step(f"{name}, {clients} at once"):
            anchors, sides = take_turns(self.course.rounds, anchor[1], side[1])
        return Comparison(
            name=name,
            clients=clients,
            anchor=Side(name=anchor[0], samples=anchors),
            side=Side(name=side[0] if isinstance(side[0], str) else side[0](), samples=sides),
            least_ratio=least_ratio,
            most_p99_ms=most_p99_ms,
        )
