"""Bad rows about receipts, credit notes, debit notes and their numbers."""

from __future__ import annotations

from tests.doctor.plant import plant, twin

_ROW = "UPDATE digistore_receipts SET {} WHERE id = :{}"
_COUNTER = "UPDATE digistore_receipt_counters SET {} WHERE series = 'test_receipt'"

PLANTS = (
    plant(
        "refund_tax_adds_up",
        "paid_line",
        "INSERT INTO digistore_refund_lines VALUES (:refund, :paid_line, 100, 1)",
    ),
    plant(
        "refund_tax_adds_up",
        "refunded_line",
        "UPDATE digistore_order_lines SET tax = 5 WHERE id = :refunded_line",
    ),
    plant("receipt_numbers_have_no_gap", "any_credit", _ROW.format("number = 1000", "credit")),
    plant("receipt_numbers_have_no_gap", "any_receipt", _COUNTER.format("last = last + 1")),
    plant("receipt_numbers_have_no_gap", "debit", _ROW.format("number = 2", "debit")),
    plant(
        "receipt_numbers_have_no_gap",
        "any_receipt",
        *twin("receipts", "id = :receipt", id="'zzz_twin'"),
    ),
    plant(
        "receipt_numbers_have_no_gap",
        "odd_issuer",
        "INSERT INTO digistore_receipt_counters VALUES ('odd_issuer', 'receipt', 1, 1)",
    ),
    plant(
        "receipt_times_follow_numbers",
        "later_receipt",
        _ROW.format("issued_at = 1", "later_receipt"),
    ),
    plant(
        "receipt_is_of_a_paid_order",
        "receipt",
        _ROW.format("order_id = :open_order", "receipt"),
    ),
    plant("one_document_each", "receipt", *twin("receipts", "id = :receipt", id="'zzz_twin'")),
    plant("one_document_each", "credit", *twin("receipts", "id = :credit", id="'zzz_twin'")),
    plant("one_document_each", "debit", *twin("receipts", "id = :debit", id="'zzz_twin'")),
    plant(
        "documents_are_issued",
        "paid_order",
        "DELETE FROM digistore_receipts WHERE order_id = :paid_order",
    ),
    plant(
        "documents_are_issued",
        "refund",
        "DELETE FROM digistore_receipts WHERE refund_id = :refund",
    ),
    plant(
        "documents_are_issued",
        "debited",
        "DELETE FROM digistore_receipts WHERE credit_note_id = :debited",
    ),
    plant("receipt_totals_agree", "receipt", _ROW.format("total = total + 1", "receipt")),
    plant("receipt_totals_agree", "receipt", _ROW.format("tax = 1", "receipt")),
    plant("receipt_totals_agree", "receipt", _ROW.format("currency = 'EUR'", "receipt")),
    plant("receipt_totals_agree", "credit", _ROW.format("total = total - 1", "credit")),
    plant("receipt_totals_agree", "credit", _ROW.format("total = total + 1", "credit")),
    plant("receipt_totals_agree", "credit", _ROW.format("livemode = 1", "credit")),
    plant("receipt_totals_agree", "debit", _ROW.format("total = total - 1", "debit")),
    plant("receipt_totals_agree", "debit", _ROW.format("tax = 1", "debit")),
    plant(
        "credit_within_receipt",
        "credited",
        _ROW.format("total = 0", "credited"),
    ),
    plant(
        "correction_is_of_its_receipt",
        "credit",
        _ROW.format("receipt_id = :receipt", "credit"),
    ),
    plant("correction_is_of_its_receipt", "credit", _ROW.format("issuer = 'house'", "credit")),
    plant(
        "correction_is_of_its_receipt", "debit", _ROW.format("credit_note_id = :receipt", "debit")
    ),
    plant("issuer_is_known", "receipt", _ROW.format("issuer = 'usr_gone'", "receipt")),
    plant("receipt_is_as_printed", "receipt", _ROW.format("printed = '{}'", "receipt")),
    plant(
        "receipt_is_as_printed",
        "receipt",
        _ROW.format("printed = replace(printed, 'TEST-R-', 'R-')", "receipt"),
    ),
    plant("receipt_is_as_printed", "receipt", _ROW.format("total = total + 1", "receipt")),
    plant("receipt_is_as_printed", "credit", _ROW.format("issued_at = 1", "credit")),
)
