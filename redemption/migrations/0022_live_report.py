from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0021_canaries")]

    operations = []
