"""The shop below /shop, and a way to sign in."""

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by name and password; your project has a page for that."""
    user = authenticate(request, **{key: request.POST.get(key) for key in ("username", "password")})
    if user is not None:
        login(request, user)
    return HttpResponse(get_token(request))


urlpatterns = [
    path("sign-in", sign_in),
    path("shop/", include("digistore.web.django.urls")),
]
