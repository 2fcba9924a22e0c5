from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0022_live_report")]

    operations = []
