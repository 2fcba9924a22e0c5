"""The tasks that Celery knows by name."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.conf import settings

from sms import tasks
from tests.sms.texting_fixture import Texting, reload

NAMES = ["sms.tasks.send_messages", "sms.tasks.sweep_messages", "sms.tasks.retry_messages"]


class TestTasks:
    def test_have_the_names_they_are_called_by(self) -> None:
        assert set(NAMES) <= set(current_app.tasks)
        assert set(NAMES[1:]) <= set(settings.PERIODIC_TASKS)

    @pytest.mark.parametrize("name", NAMES)
    def test_send_what_is_due(self, texting: Texting, name: str) -> None:
        now = (datetime.now(UTC) - texting.now) / timedelta(seconds=1)
        due, later = texting.queue("due", due_in=now), texting.queue("later", due_in=now + 60)
        current_app.tasks[name]()
        assert reload(due).state == "accepted"
        assert reload(later).state == "queued"
        assert texting.bodies() == ["due"]

    def test_are_no_more_than_a_call(self) -> None:
        assert tasks.send_messages.ignore_result


class TestTheWebProcess:
    def test_does_not_load_the_vendors_library(self) -> None:
        code = (
            "import sys, django; django.setup()\n"
            "import config.urls, redemption.services.redeem\n"
            "print('twilio.rest' in sys.modules)"
        )
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"DJANGO_SETTINGS_MODULE": "config.settings", "BUILD": "1", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == "False\n"
