from django.urls import URLPattern, path

from sms.views.sandbox import messages_json, phone
from sms.views.twilio import receive_status

urlpatterns: list[URLPattern] = [
    path("webhooks/twilio/status/<uuid:message_id>/", receive_status, name="twilio-status"),
    path("sandbox/phone/", phone, name="sandbox-phone"),
    path("sandbox/phone/messages.json", messages_json, name="sandbox-phone-messages"),
]
