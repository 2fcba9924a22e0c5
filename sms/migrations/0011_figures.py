from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sms", "0010_message_when")]

    operations = []
