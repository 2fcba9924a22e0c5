from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0007_row_level_security")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "permissions": [("reveal_card", "May see the codes of cards")],
            },
        ),
    ]
