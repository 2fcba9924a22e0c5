from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("sms", "0003_error_policies"),
        ("credit", "0007_row_level_security"),
    ]

    operations = [install("sms", "policies")]
