"""What must hold after every commit, checked by reading only: ``store.doctor()``.

Each check is plain SQL over the tables, or a walk over rows in chunks, that must find nothing. It
states the promises a second time: it must never be made of the rules that it checks, never write,
and never name a person.
"""

from digistore.doctor.models import DoctorReport, Finding
from digistore.doctor.service import Doctor

__all__ = ["Doctor", "DoctorReport", "Finding"]
