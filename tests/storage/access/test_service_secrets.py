"""What the service makes up once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine

from storage.access.service_secrets import kept_secret
from storage.access.tables import service_secrets
from storage.database import open_engine, reading
from tests.databases import url_of
from tests.storage.samples import NOW, rows_in


def test_a_secret_is_made_once_and_each_name_has_its_own(engine: Engine) -> None:
    first = kept_secret(engine, "a", at=NOW)
    assert len(first.encode()) >= 32
    assert kept_secret(engine, "a", at=NOW) == first
    assert kept_secret(engine, "b", at=NOW) != first


def test_hosts_that_start_at_once_agree(engine: Engine) -> None:
    hosts = 8
    together = Barrier(hosts)

    def start(_: int) -> str:
        own = open_engine(url_of(engine))
        try:
            together.wait()
            return kept_secret(own, "key", at=NOW)
        finally:
            own.dispose()

    with ThreadPoolExecutor(hosts) as pool:
        assert len(set(pool.map(start, range(hosts)))) == 1
    with reading(engine) as conn:
        assert rows_in(conn, service_secrets) == 1
