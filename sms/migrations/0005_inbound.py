from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sms", "0004_row_level_security"),
    ]

    operations = []
