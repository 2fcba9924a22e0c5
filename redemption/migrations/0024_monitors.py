import django.contrib.postgres.indexes
from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0009_monitors"),
        ("credit", "0007_row_level_security"),
        ("redemption", "0022_live_report"),
    ]

    operations = [
        install("redemption", "monitor_policies"),
        migrations.AddIndex(
            model_name="provisioningtrace",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True,
                fields=["at"],
                name="redemption_trace_when",
                pages_per_range=32,
            ),
        ),
    ]
