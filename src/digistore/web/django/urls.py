"""``path("shop/", include("digistore.web.django.urls"))``; names are ``digistore:<route>``."""

from digistore.web.django.configured import site_of_settings, user_of_settings
from digistore.web.django.views import patterns_of

app_name = "digistore"
urlpatterns = patterns_of(site_of_settings(), user_of_settings())
