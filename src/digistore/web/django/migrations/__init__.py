"""One migration of Django per revision of digistore's own; they act where the store is Django's."""
