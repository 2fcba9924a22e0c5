"""Every address of the site; what each app answers stands in its own urls."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import api, pages
from config.metrics_page import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    # First, since Django tries one address after the other, and most requests are to this one.
    path("api/v1/", include("redemption.api.urls")),
    path("api/v1/", include("credit.api.urls")),
    path("api/v1/", include("giftcards.api.urls")),
    path("api/v1/", include("loyalty.api.urls")),
    path("", pages.home, name="home"),
    path("welcome/", pages.welcome, name="welcome"),
    path("", include("alerts.urls")),
    path("", include("credit.urls")),
    path("", include("redemption.urls")),
    path("", include("loyalty.urls")),
    path("", include("sms.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("api/errors/", pages.error_catalogue, name="api-errors"),
    re_path(r"^api/.*$", api.unknown_address),
    path("health/live", pages.live, name="health-live"),
    path("health/ready", pages.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "config.pages.bad_request"
handler403 = "config.pages.permission_denied"
handler404 = "config.pages.page_not_found"
handler500 = "config.pages.server_error"
