"""What must hold after every commit, checked by reading only: ``store.doctor()``.

Each check is plain SQL over the tables, or a walk over rows in pages, that must find nothing. It
states the promises a second time: it must never be made of the rules that it checks, never write,
and never name a person. A repair is the other way round: it is nothing but those rules, worked out
anew over stored facts, and writes no fact itself.
"""

from digistore.doctor.models import DoctorReport, Finding, Remedy
from digistore.doctor.service import Doctor

__all__ = ["Doctor", "DoctorReport", "Finding", "Remedy"]
