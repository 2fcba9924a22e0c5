from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sms", "0008_templates")]

    operations = []
