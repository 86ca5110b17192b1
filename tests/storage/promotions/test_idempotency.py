from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from storage.database import writing
from storage.errors import KeyReused
from storage.promotions.idempotency import claim_key, forget_keys, keep_answer
from tests.storage.samples import NOW


def test_a_key_gives_the_answer_of_the_first_time(engine: Engine) -> None:
    with writing(engine) as conn:
        assert claim_key(conn, "commit", "k", "aa", at=NOW) is None
        keep_answer(conn, "commit", "k", {"total": "1.00"})
    with writing(engine) as conn:
        assert claim_key(conn, "commit", "k", "aa", at=NOW) == {"total": "1.00"}
        assert claim_key(conn, "quote", "k", "aa", at=NOW) is None


def test_a_key_with_another_request_is_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        claim_key(conn, "commit", "k", "aa", at=NOW)
    with pytest.raises(KeyReused, match="'k'"), writing(engine) as conn:
        claim_key(conn, "commit", "k", "bb", at=NOW)


def test_a_key_is_free_again_when_its_work_failed(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as conn:
            claim_key(conn, "commit", "k", "aa", at=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with writing(engine) as conn:
        assert claim_key(conn, "commit", "k", "bb", at=NOW) is None


def test_old_keys_are_forgotten(engine: Engine) -> None:
    with writing(engine) as conn:
        claim_key(conn, "commit", "old", "aa", at=NOW)
        claim_key(conn, "commit", "new", "aa", at=NOW + timedelta(hours=1))
        assert forget_keys(conn, before=NOW + timedelta(minutes=1)) == 1
        assert claim_key(conn, "commit", "old", "bb", at=NOW) is None


def test_of_many_at_once_with_one_key_one_does_the_work(engine: Engine) -> None:
    done: list[int] = []
    answers: list[object] = []
    start = threading.Barrier(6)

    def ask(number: int) -> None:
        start.wait()
        with writing(engine) as conn:
            answer = claim_key(conn, "commit", "k", "aa", at=NOW)
            if answer is None:
                done.append(number)
                answer = {"by": number}
                keep_answer(conn, "commit", "k", answer)
            answers.append(answer)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert answers == [{"by": done[0]}] * 6
