from django.urls import URLPattern, path

from redemption.dashboard import agency
from redemption.dashboard.client_brands import client_brands
from redemption.dashboard.client_budget import client_budget
from redemption.dashboard.client_overview import client_home, client_overview
from redemption.dashboard.client_warning import client_warning
from redemption.views.redeem import message_status, redeem_form
from redemption.views.reveal import reveal

urlpatterns: list[URLPattern] = [
    path("redeem/", redeem_form, name="redeem"),
    path("redeem/message/", message_status, name="redeem-message"),
    path("r/<str:token>/", reveal, name="reveal"),
    path("agency/", agency.agencies, name="agency"),
    path("client/", client_home, name="client"),
    path("client/<uuid:client_id>/", client_overview, name="client-overview"),
    path("client/<uuid:client_id>/brands/", client_brands, name="client-brands"),
    path("client/<uuid:client_id>/warning/", client_warning, name="client-warning"),
    path(
        "client/<uuid:client_id>/campaigns/<uuid:campaign_id>/budget/",
        client_budget,
        name="client-budget",
    ),
]
