from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0006_audit_events")]

    operations = []
