from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("giftcards", "0012_pool_events")]

    operations = []
