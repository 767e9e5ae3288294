"""Engine, transaction and schema: everything that the slices know of a database.

It must never know a business rule; a slice must never know which database this is.
"""

from digistore.database.engine import prepare_sqlite
from digistore.database.statements import Prepared
from digistore.database.transaction import AnyRow, Database, Reader, Record, Transaction

__all__ = [
    "AnyRow",
    "Database",
    "Prepared",
    "Reader",
    "Record",
    "Transaction",
    "prepare_sqlite",
]
