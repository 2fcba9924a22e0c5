from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sms", "0005_inbound"),
    ]

    operations = []
