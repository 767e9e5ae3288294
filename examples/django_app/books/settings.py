"""The least that a project with users and sessions needs, and one line for the shop."""

SECRET_KEY = "replace me"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "books.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "users.db"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "digistore.web.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
DIGISTORE = {"store": "books.wiring.store"}
