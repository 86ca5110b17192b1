from __future__ import annotations

import csv
from io import StringIO

import pytest
from sqlalchemy.engine import Engine

from pricing.promotions.codes import fold_code
from pricing.promotions.errors import InvalidPromotion
from storage.database import reading, writing
from storage.errors import BatchNotFound, CodesRefused, PromotionNotFound, StepNotAllowed
from storage.promotions.codes import (
    batches_of,
    export_codes,
    generate_codes,
    import_codes,
)
from storage.promotions.found_codes import FoundCode, find_codes
from storage.promotions.quotes import commit_quote
from storage.promotions.tables import promotion_codes
from storage.promotions.versions import create_promotion, end_promotion
from tests.storage.promotions_at_hand import a_take, open_promotion, quote_of, terms
from tests.storage.samples import NOW, rows_in


def exported(engine: Engine, batch_id: int | None = None) -> list[dict[str, str]]:
    out = StringIO()
    with reading(engine) as conn:
        count = export_codes(conn, "spring", out, batch_id=batch_id)
    rows = list(csv.DictReader(StringIO(out.getvalue())))
    assert len(rows) == count
    return rows


def test_generated_codes_are_found_however_they_are_typed(engine: Engine) -> None:
    number = open_promotion(engine, unique_codes=True).promotion_id
    with writing(engine) as conn:
        batch = generate_codes(
            conn, "spring", pattern="SO-########", count=500, actor="ann", at=NOW
        )
        assert batches_of(conn, "spring") == (batch,)
    codes = [row["code"] for row in exported(engine)]
    assert len(set(codes)) == 500
    typed = codes[0].lower().replace("-", " ")
    with reading(engine) as conn:
        assert find_codes(conn, [fold_code(typed), "NONE"]) == {
            fold_code(codes[0]): FoundCode(number, codes[0], None)
        }


def test_imported_codes_may_belong_to_a_customer(engine: Engine) -> None:
    number = open_promotion(engine, unique_codes=True).promotion_id
    lines = ["\ufeffCode,customer\n", "GIFT-77, kim \n", "\n", "GIFT-88,\n"]
    with writing(engine) as conn:
        batch = import_codes(conn, "spring", lines, source="codes.csv", actor="ann", at=NOW)
        assert (batch.codes, batch.source) == (2, "codes.csv")
        found = find_codes(conn, ["G1FT77", "G1FT88"])
    assert found["G1FT77"] == FoundCode(number, "GIFT-77", "kim")
    assert found["G1FT88"].customer is None


def test_an_export_tells_which_codes_were_used_and_can_be_of_one_batch(engine: Engine) -> None:
    number = open_promotion(engine, unique_codes=True).promotion_id
    with writing(engine) as conn:
        for code in ("AAA", "BBB"):
            import_codes(conn, "spring", ["code\n", code], source="f", actor="ann", at=NOW)
        quote_of(conn, "q1", a_take(number, code="AAA"))
        commit_quote(conn, "q1", at=NOW)
    assert exported(engine) == [
        {"code": "AAA", "customer": "", "uses": "1"},
        {"code": "BBB", "customer": "", "uses": "0"},
    ]
    assert [row["code"] for row in exported(engine, 2)] == ["BBB"]
    with pytest.raises(BatchNotFound, match="no batch 9"):
        exported(engine, 9)


BAD_FILES = [
    ([], "no column `code`"),
    (["sku\n", "A\n"], "no column `code`"),
    (["code\n"], "has no codes"),
    (["code,customer\n", "A\n"], "row 2 has 1 columns, not 2"),
    (["code\n", "SAVE1O\n", "save-10\n"], "row 3: 'save-10' is in the file twice"),
    (["code,customer\n", " ,kim\n"], "row 2: '' is empty"),
    (["code\n", "A" * 65], "row 2: "),
    (["code\n", "A\x07B\n"], "cannot be printed"),
    (["code\n", "OLD-CODE\n"], "row 2: 'OLD-CODE' is in use already"),
    (["code\n", "new\n", "public\n"], "row 3: 'public' is a public code"),
]


@pytest.mark.parametrize(("lines", "says"), BAD_FILES)
def test_a_file_with_a_bad_row_is_refused_whole(
    engine: Engine, lines: list[str], says: str
) -> None:
    open_promotion(engine, unique_codes=True)
    with writing(engine) as conn:
        create_promotion(conn, terms("other", promotion={"code": "PUBLIC"}), actor="a", at=NOW)
        import_codes(conn, "spring", ["code\n", "OLD-CODE"], source="f", actor="ann", at=NOW)
    with pytest.raises(CodesRefused) as refused, writing(engine) as conn:
        import_codes(conn, "spring", lines, source="codes.csv", actor="ann", at=NOW)
    assert says in str(refused.value)
    assert str(refused.value).startswith("codes.csv: ")
    with reading(engine) as conn:
        assert rows_in(conn, promotion_codes) == 1


def test_only_a_promotion_that_wants_unique_codes_gets_them(engine: Engine) -> None:
    open_promotion(engine)
    for name, error in (("spring", StepNotAllowed), ("autumn", PromotionNotFound)):
        with pytest.raises(error), writing(engine) as conn:
            generate_codes(conn, name, pattern="########", count=1, actor="ann", at=NOW)
    with writing(engine) as conn:
        create_promotion(conn, terms("done", unique_codes=True), actor="ann", at=NOW)
        end_promotion(conn, "done", actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed, match="ended"):
            generate_codes(conn, "done", pattern="########", count=1, actor="ann", at=NOW)


@pytest.mark.parametrize("count", [0, -1])
def test_no_codes_at_all_are_refused(engine: Engine, count: int) -> None:
    open_promotion(engine, unique_codes=True)
    with pytest.raises(CodesRefused, match="count"), writing(engine) as conn:
        generate_codes(conn, "spring", pattern="#" * 9, count=count, actor="ann", at=NOW)


def test_a_public_code_may_not_be_one_of_the_unique_codes(engine: Engine) -> None:
    open_promotion(engine, unique_codes=True)
    with writing(engine) as conn:
        import_codes(conn, "spring", ["code\n", "SAVE10"], source="f", actor="ann", at=NOW)
        with pytest.raises(InvalidPromotion) as refused:
            create_promotion(conn, terms("two", promotion={"code": "save-1o"}), actor="a", at=NOW)
    assert refused.value.field == "promotion.code"
