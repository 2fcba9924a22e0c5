from django.urls import path

from redemption.api.campaigns import CampaignsView
from redemption.api.events import EventsView
from redemption.api.monitoring import MonitoringRunsView
from redemption.api.provisioning import ProvisionView
from redemption.api.recipients import RecipientsView
from redemption.api.resending import ResendView
from redemption.api.taking_back import CancelView, ReplaceView
from redemption.api.views import RedemptionsView, RedemptionView, ValidateView
from redemption.api.webhooks import (
    DeliveriesView,
    EndpointsView,
    EndpointView,
    ReplayView,
    RotateView,
    TestView,
)

urlpatterns = [
    path("campaigns/", CampaignsView.as_view(), name="api-campaigns"),
    path(
        "campaigns/<uuid:campaign_id>/recipients/",
        RecipientsView.as_view(),
        name="api-recipients",
    ),
    path("codes/validate/", ValidateView.as_view(), name="api-validate"),
    path("events/<str:source>/", EventsView.as_view(), name="api-events"),
    path("monitoring/runs/", MonitoringRunsView.as_view(), name="api-monitoring-runs"),
    path("provision/", ProvisionView.as_view(), name="api-provision"),
    path("redemptions/", RedemptionsView.as_view(), name="api-redemptions"),
    path("redemptions/<uuid:redemption_id>/", RedemptionView.as_view(), name="api-redemption"),
    path("redemptions/<uuid:redemption_id>/cancel/", CancelView.as_view(), name="api-cancel"),
    path("redemptions/<uuid:redemption_id>/resend/", ResendView.as_view(), name="api-resend"),
    path("redemptions/<uuid:redemption_id>/replace/", ReplaceView.as_view(), name="api-replace"),
    path("webhook-endpoints/", EndpointsView.as_view(), name="api-webhook-endpoints"),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/",
        EndpointView.as_view(),
        name="api-webhook-endpoint",
    ),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/rotate-secret/",
        RotateView.as_view(),
        name="api-webhook-rotate",
    ),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/test/",
        TestView.as_view(),
        name="api-webhook-test",
    ),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/deliveries/",
        DeliveriesView.as_view(),
        name="api-webhook-deliveries",
    ),
    path(
        "webhook-endpoints/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay/",
        ReplayView.as_view(),
        name="api-webhook-replay",
    ),
]
