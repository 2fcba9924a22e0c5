from django.urls import path

from redemption.api.views import RedemptionsView, RedemptionView, ValidateView

urlpatterns = [
    path("codes/validate/", ValidateView.as_view(), name="api-validate"),
    path("redemptions/", RedemptionsView.as_view(), name="api-redemptions"),
    path("redemptions/<uuid:redemption_id>/", RedemptionView.as_view(), name="api-redemption"),
]
