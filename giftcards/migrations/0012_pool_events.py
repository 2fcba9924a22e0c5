from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("giftcards", "0011_scannable")]

    operations = []
