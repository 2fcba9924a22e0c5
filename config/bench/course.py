"""How long and how large a run of the bench is."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """The dimensions of a bench: as a person runs it, or in the small for a test.

    :param seconds: how long each round of each side is measured.
    :param warm_up_seconds: how long it runs before that, for plans, pools and caches to settle.
    :param rounds: how often the two sides take turns; medians are of these.
    :param probes: redemptions from which is guessed how many codes a run will need.
    :param least_rate: what is never guessed below, per second: a probe may hit a bad moment.
    :param threads: concurrent calls of the service.
    :param crowd: concurrent clients where there are many.
    :param accounts: clients, each with an account, a campaign and a pool of its own, so that
        no row is hot.
    :param sealed: how many encrypted card codes are made; further cards share their ciphertext.
    :param large_pool: cards in the large pool of the comparison of claims, ``largest_pool`` in
        the one that takes longer.
    :param many_claims: claims that leave dead entries behind while a snapshot is open.
    :param import_rows: cards in a file that the importer reads, ``bulk_rows`` in one that is
        written by bulk_create, whose rate hangs less on how many there are.
    """

    seconds: float = 5
    warm_up_seconds: float = 1
    rounds: int = 3
    probes: int = 1_000
    least_rate: int = 1_000
    threads: tuple[int, ...] = (1, 8)
    crowd: int = 50
    agencies: int = 10
    accounts: int = 400
    sealed: int = 20_000
    small_pool: int = 1_000
    large_pool: int = 1_000_000
    largest_pool: int = 5_000_000
    many_claims: int = 100_000
    import_rows: int = 1_000_000
    bulk_rows: int = 100_000
