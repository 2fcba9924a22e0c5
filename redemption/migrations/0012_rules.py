from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("redemption", "0011_desk_tasks")]

    operations = []
