from django.urls import URLPattern, path

from redemption.dashboard import agency
from redemption.views.redeem import message_status, redeem_form
from redemption.views.reveal import reveal

urlpatterns: list[URLPattern] = [
    path("redeem/", redeem_form, name="redeem"),
    path("redeem/message/", message_status, name="redeem-message"),
    path("r/<str:token>/", reveal, name="reveal"),
    path("agency/", agency.agencies, name="agency"),
]
