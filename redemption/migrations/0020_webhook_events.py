from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0019_message_days")]

    operations = []
