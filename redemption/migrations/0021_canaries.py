from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0020_webhook_events")]

    operations = []
