from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0023_more_reports")]

    operations = []
