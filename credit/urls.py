"""Signing in and out, one's own account, and how a client's pages look."""

from django.contrib.auth import views as auth_views
from django.urls import path

from credit.views import account, looks, passwords, second_factor, sign_in

urlpatterns = [
    path("login/", sign_in.SignInView.as_view(), name="login"),
    path("login/code/", sign_in.SecondStepView.as_view(), name="login-code"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("account/", account.your_account, name="your-account"),
    path("account/password/", passwords.change_password, name="change-password"),
    path("account/second-factor/", second_factor.second_factor, name="second-factor"),
    path("account/sessions/end/", account.end_other_sessions, name="end-other-sessions"),
    path("account/sessions/<uuid:session_id>/end/", account.end_one_session, name="end-session"),
    path("look/<uuid:client_id>/<slug:digest>.css", looks.look_sheet, name="look-sheet"),
    path("look/<uuid:client_id>/<slug:digest>.png", looks.look_logo, name="look-logo"),
    path("password/<uidb64>/<token>/", passwords.SetPasswordView.as_view(), name="set-password"),
]
