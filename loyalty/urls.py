"""The pages of points."""

from django.urls import URLPattern, path

from loyalty.views.reveal import reward_card

urlpatterns: list[URLPattern] = [
    path("points/<str:token>/", reward_card, name="reward-card"),
]
