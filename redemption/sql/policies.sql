-- Which rows a tenant sees: Note [Row-level security].
SELECT credit_show_to_client('redemption_campaign');
SELECT credit_show_to_client('redemption_eventsource');
SELECT credit_show_to_client('redemption_recipient');
SELECT credit_show_to_client('redemption_redemption');
SELECT credit_show_where('redemption_condition',
    'EXISTS (SELECT 1 FROM redemption_campaign c WHERE c.id = campaign_id)');
SELECT credit_show_where('redemption_pendingreward',
    'EXISTS (SELECT 1 FROM redemption_redemption r WHERE r.id = redemption_id)');
SELECT credit_show_where('redemption_reveallink',
    'EXISTS (SELECT 1 FROM redemption_redemption r WHERE r.id = redemption_id)');
-- A refusal that left no redemption is the platform's to look at.
SELECT credit_show_where('redemption_provisioningtrace',
    'EXISTS (SELECT 1 FROM redemption_redemption r WHERE r.id = redemption_id)');

-- A card of the platform's stock is its holder's too.
DROP POLICY IF EXISTS holder ON giftcards_giftcard;
CREATE POLICY holder ON giftcards_giftcard FOR SELECT USING (
    client_id IS NULL AND holder_kind = 'redemption'
    AND EXISTS (SELECT 1 FROM redemption_redemption r WHERE r.id = holder_id));

-- It looks at the campaign and its redemptions, which who deletes may not see: owner's rights.
ALTER FUNCTION redemption_check_condition_removal() SECURITY DEFINER;
