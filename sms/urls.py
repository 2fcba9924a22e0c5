from django.urls import URLPattern, path

from sms.views.inbound import receive_inbound
from sms.views.opt_in import opt_in
from sms.views.sandbox import messages_json, phone, reply
from sms.views.twilio import receive_status

urlpatterns: list[URLPattern] = [
    path("webhooks/twilio/status/<uuid:message_id>/", receive_status, name="twilio-status"),
    path("webhooks/twilio/inbound/", receive_inbound, name="twilio-inbound"),
    path("o/<str:token>/", opt_in, name="opt-in"),
    path("sandbox/phone/", phone, name="sandbox-phone"),
    path("sandbox/phone/reply/", reply, name="sandbox-phone-reply"),
    path("sandbox/phone/messages.json", messages_json, name="sandbox-phone-messages"),
]
