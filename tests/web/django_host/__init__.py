"""A project of Django's, whose own test runner tests it: see ``test_django_connection``."""
