from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0020_policy_order")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "permissions": [
                    ("reveal_card", "May see the codes of cards"),
                    ("reverse_order", "May take purchases back at a provider"),
                    ("skip_opt_in", "May answer for a caller that texts are welcome"),
                    ("replace_card", "May replace cards, as a supervisor"),
                    ("show_card_again", "May show a card's code again, at the desk"),
                    ("export_codes", "May export redemption codes, for the mail house"),
                    ("export_person", "May hand out all that is kept about a person"),
                    ("erase_person", "May erase a person's data, for good"),
                    ("adjust_points", "May add points to a customer or take some, by hand"),
                ],
            },
        ),
    ]
