"""The one Django model that django-payments asks its host for."""
