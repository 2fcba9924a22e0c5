from django.urls import URLPattern, path

from sms.views.twilio import receive_status

urlpatterns: list[URLPattern] = [
    path("webhooks/twilio/status/<uuid:message_id>/", receive_status, name="twilio-status"),
]
