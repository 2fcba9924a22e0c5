from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0016_recipient_uploads")]

    operations = []
