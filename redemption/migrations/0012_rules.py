from django.db import migrations, models
from django.db.models import Q

from alerts.sqlfiles import install

# With what it takes now, CREATE OR REPLACE would make a second function of it. An old database
# may have both by now, since earlier migrations install the files as they are today.
DROP_ALL_OF_THEM = """
    DO $$
    DECLARE
        v_function regprocedure;
    BEGIN
        FOR v_function IN
            SELECT oid FROM pg_proc
            WHERE proname = 'redemption_redeem' AND pronamespace = 'public'::regnamespace
        LOOP
            EXECUTE format('DROP FUNCTION %s', v_function);
        END LOOP;
    END
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("redemption", "0011_desk_tasks")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="code_policy",
            field=models.CharField(
                choices=[("generated", "Made here"), ("imported", "From another system")],
                db_default="generated",
                default="generated",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="imported_code_bits",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="second_factor",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Nothing"),
                    ("last_name", "Last name"),
                    ("postal_code", "Postal code"),
                    ("phone", "Phone number on file"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="cap_per_day",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="cap_per_recipient",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="test_mode",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="claim_reminder_days",
            field=models.PositiveSmallIntegerField(db_default=3, default=3),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=Q(code_policy__in=["generated", "imported"])
                & Q(second_factor__in=["", "last_name", "postal_code", "phone"]),
                name="redemption_campaign_code_words_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=Q(imported_code_bits=None)
                | Q(imported_code_bits__gte=50)
                | ~Q(second_factor=""),
                name="redemption_campaign_weak_codes_ask_for_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=Q(imported_code_bits=None) | Q(code_policy="imported"),
                name="redemption_campaign_imported_codes_are_told",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=(Q(cap_per_day=None) | Q(cap_per_day__gt=0))
                & (Q(cap_per_recipient=None) | Q(cap_per_recipient__gt=0)),
                name="redemption_campaign_caps_positive",
            ),
        ),
        migrations.CreateModel(
            name="DailyClaims",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("claims", models.PositiveIntegerField()),
                (
                    "campaign",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="daily_claims",
                        to="redemption.campaign",
                    ),
                ),
            ],
            options={
                "ordering": ["campaign", "-day"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["campaign", "day"], name="redemption_dailyclaims_one_a_day"
                    )
                ],
            },
        ),
        migrations.RunSQL(DROP_ALL_OF_THEM, migrations.RunSQL.noop),
        install("redemption", "rules", "redeem_parts", "redeem"),
        # Unopened cards go back to stock when their time is over.
        install("giftcards", "card_change"),
    ]
