"""Celery: hands and an alarm clock. What is to be done stands in PostgreSQL."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("giftline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
