from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("redemption", "0003_charges")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="billing_entity",
            field=models.CharField(
                choices=[("client", "The client"), ("agency", "The agency")],
                db_default="client",
                default="client",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("budget_mode__in", ["shared", "isolated"]),
                    ("billing_entity__in", ["client", "agency"]),
                ),
                name="redemption_campaign_budget_words_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(
                models.Case(
                    models.When(budget_mode="isolated", then=models.F("account")),
                    default=models.F("own_account"),
                ),
                name="redemption_campaign_own_account_is_its_alone",
            ),
        ),
        install("redemption", "budgets", "redeem"),
    ]
