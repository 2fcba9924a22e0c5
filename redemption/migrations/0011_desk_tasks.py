from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0010_report_days")]

    operations = []
