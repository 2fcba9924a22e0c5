import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in: an operator, a manager or a call-centre agent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta(AbstractUser.Meta):
        # What a role alone does not give; Note [Who may see the admin].
        permissions = [
            ("reveal_card", "May see the codes of cards"),
            ("reverse_order", "May take purchases back at a provider"),
            ("skip_opt_in", "May answer for a caller that texts are welcome"),
            ("replace_card", "May replace cards, as a supervisor"),
            ("show_card_again", "May show a card's code again, at the desk"),
            ("export_codes", "May export redemption codes, for the mail house"),
            ("export_person", "May hand out all that is kept about a person"),
            ("erase_person", "May erase a person's data, for good"),
            ("adjust_points", "May add points to a customer or take some, by hand"),
        ]

    def __str__(self) -> str:
        return self.get_username()
