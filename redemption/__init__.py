"""From a code to a card: campaigns, recipients and the one way to redeem."""
