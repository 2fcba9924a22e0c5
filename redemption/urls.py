from django.urls import URLPattern, path

from redemption.dashboard import agency, agency_brands, allocate, statements
from redemption.dashboard.agent_reports import agent_report, agent_report_csv
from redemption.dashboard.brands import brand_report, brand_report_csv
from redemption.dashboard.campaign_reports import campaign_report, campaign_report_csv
from redemption.dashboard.client_brands import client_brands
from redemption.dashboard.client_budget import client_budget
from redemption.dashboard.client_overview import client_home, client_overview
from redemption.dashboard.daily import (
    daily_report,
    daily_report_csv,
    report_subscription,
    report_unsubscribe,
)
from redemption.dashboard.delivery_reports import delivery_report, delivery_report_csv
from redemption.dashboard.expiring import expiring, expiring_csv
from redemption.dashboard.geography import geography_report, geography_report_csv
from redemption.dashboard.goals import goals_report, goals_report_csv
from redemption.dashboard.inventory import inventory
from redemption.dashboard.live import live_report, live_report_csv
from redemption.dashboard.low_credit import agency_warning, client_warning
from redemption.dashboard.messages import message_report, message_report_csv
from redemption.dashboard.pool_trends import (
    pool_trend,
    pool_trend_csv,
    pool_trends,
    pool_trends_csv,
)
from redemption.dashboard.reports import card_report, card_report_csv, reports
from redemption.dashboard.webhooks import agency_webhooks, client_webhooks
from redemption.views import desk, desk_actions, desk_side
from redemption.views.again import link_again
from redemption.views.embedding import embedded
from redemption.views.language import choose_language
from redemption.views.redeem import message_status, redeem_form
from redemption.views.reveal import reveal

urlpatterns: list[URLPattern] = [
    path("redeem/", redeem_form, name="redeem"),
    path("redeem/message/", message_status, name="redeem-message"),
    path("redeem/again/", link_again, name="redeem-again"),
    path("embed/<uuid:client_id>/", embedded(redeem_form), name="embed-redeem"),
    path("embed/<uuid:client_id>/message/", embedded(message_status), name="embed-redeem-message"),
    path("embed/<uuid:client_id>/again/", embedded(link_again), name="embed-redeem-again"),
    path(
        "embed/<uuid:client_id>/language/<slug:language>/",
        embedded(choose_language),
        name="embed-language",
    ),
    path("language/<slug:language>/", choose_language, name="language"),
    path("r/<str:token>/", reveal, name="reveal"),
    path("agency/", agency.agencies, name="agency"),
    path("agency/<uuid:agency_id>/", agency.agency_page, name="agency-page"),
    path("agency/<uuid:agency_id>/clients.csv", agency.clients_csv, name="agency-clients-csv"),
    path("agency/<uuid:agency_id>/brands/", agency_brands.agency_brands, name="agency-brands"),
    path(
        "agency/<uuid:agency_id>/brands/<uuid:brand_id>/",
        agency_brands.save_brand,
        name="agency-brand",
    ),
    path("agency/<uuid:agency_id>/warning/", agency_warning, name="agency-warning"),
    path("agency/<uuid:agency_id>/webhooks/", agency_webhooks, name="agency-webhooks"),
    path("accounts/<uuid:account_id>/allocate/", allocate.allocate, name="allocate"),
    path("statements/<uuid:account_id>/", statements.statement, name="statement"),
    path(
        "statements/<uuid:account_id>/statement.csv",
        statements.statement_file,
        {"kind": "csv"},
        name="statement-csv",
    ),
    path(
        "statements/<uuid:account_id>/statement.pdf",
        statements.statement_file,
        {"kind": "pdf"},
        name="statement-pdf",
    ),
    path("client/", client_home, name="client"),
    path("client/<uuid:client_id>/", client_overview, name="client-overview"),
    path("client/<uuid:client_id>/brands/", client_brands, name="client-brands"),
    path("client/<uuid:client_id>/warning/", client_warning, name="client-warning"),
    path("client/<uuid:client_id>/webhooks/", client_webhooks, name="client-webhooks"),
    path(
        "client/<uuid:client_id>/campaigns/<uuid:campaign_id>/budget/",
        client_budget,
        name="client-budget",
    ),
    path("reports/", reports, name="reports"),
    path("reports/live/", live_report, name="report-live"),
    path("reports/live/live.csv", live_report_csv, name="report-live-csv"),
    path("reports/daily/", daily_report, name="report-daily"),
    path("reports/daily/daily.csv", daily_report_csv, name="report-daily-csv"),
    path("reports/daily/subscription/", report_subscription, name="report-subscription"),
    path("reports/daily/unsubscribe/<str:token>/", report_unsubscribe, name="report-unsubscribe"),
    path("reports/brands/", brand_report, name="report-brands"),
    path("reports/brands/brands.csv", brand_report_csv, name="report-brands-csv"),
    path("reports/goals/", goals_report, name="report-goals"),
    path("reports/goals/goals.csv", goals_report_csv, name="report-goals-csv"),
    path("reports/cards/", card_report, name="report-cards"),
    path("reports/cards/cards.csv", card_report_csv, name="report-cards-csv"),
    path("reports/inventory/", inventory, name="report-inventory"),
    path("reports/expiring/", expiring, name="report-expiring"),
    path("reports/expiring/expiring.csv", expiring_csv, name="report-expiring-csv"),
    path("reports/messages/", message_report, name="report-messages"),
    path("reports/messages/messages.csv", message_report_csv, name="report-messages-csv"),
    path("reports/pools/", pool_trends, name="report-pools"),
    path("reports/pools/pools.csv", pool_trends_csv, name="report-pools-csv"),
    path("reports/pools/<uuid:pool_id>/", pool_trend, name="report-pool"),
    path("reports/pools/<uuid:pool_id>/days.csv", pool_trend_csv, name="report-pool-csv"),
    path("reports/geography/", geography_report, name="report-geography"),
    path("reports/geography/places.csv", geography_report_csv, name="report-geography-csv"),
    path("reports/campaigns/", campaign_report, name="report-campaigns"),
    path("reports/campaigns/campaigns.csv", campaign_report_csv, name="report-campaigns-csv"),
    path("reports/delivery/", delivery_report, name="report-delivery"),
    path("reports/delivery/delivery.csv", delivery_report_csv, name="report-delivery-csv"),
    path("reports/agents/", agent_report, name="report-agents"),
    path("reports/agents/agents.csv", agent_report_csv, name="report-agents-csv"),
    path("desk/", desk.desk, name="desk"),
    path("desk/find/", desk.find, name="desk-find"),
    path("desk/choose/", desk.choose, name="desk-choose"),
    path("desk/take-over/", desk_actions.take, name="desk-take"),
    path("desk/give/", desk_actions.give, name="desk-give"),
    path("desk/resend/", desk_actions.resend, name="desk-resend"),
    path("desk/by-hand/", desk_actions.by_hand, name="desk-by-hand"),
    path("desk/replace/", desk_actions.replace, name="desk-replace"),
    path("desk/skip/", desk_actions.skip, name="desk-skip"),
    path("desk/show/", desk_actions.show, name="desk-show"),
    path("desk/call-back/", desk_actions.call_back, name="desk-call-back"),
    path("desk/forget/", desk_actions.forget, name="desk-forget"),
    path("desk/notes/", desk_actions.notes, name="desk-notes"),
    path("desk/end/", desk_actions.end, name="desk-end"),
    path("desk/undo/", desk_actions.undo, name="desk-undo"),
    path("desk/side/", desk_side.side, name="desk-side"),
    path("desk/status/", desk_side.status, name="desk-status"),
]
