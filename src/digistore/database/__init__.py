"""Engine, transaction and schema: everything that the slices know of a database.

It must never know a business rule; a slice must never know which database this is.
"""

from digistore.database.database import Database
from digistore.database.hosts import AwaitedHost, BlockingHost, Host
from digistore.database.joined import JoinedDatabase, SharedDatabase, may_be_joined
from digistore.database.lanes import AnyRow
from digistore.database.replica import ReplicaDatabase
from digistore.database.sqlite import prepare_sqlite
from digistore.database.statements import Call, Prepared, Statement, changing, inserting
from digistore.database.transaction import Reader, Record, Transaction

__all__ = [
    "AnyRow",
    "AwaitedHost",
    "BlockingHost",
    "Call",
    "Database",
    "Host",
    "JoinedDatabase",
    "Prepared",
    "Reader",
    "Record",
    "ReplicaDatabase",
    "SharedDatabase",
    "Statement",
    "Transaction",
    "changing",
    "inserting",
    "may_be_joined",
    "prepare_sqlite",
]
