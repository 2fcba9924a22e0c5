from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0013_guard")]

    operations = []
