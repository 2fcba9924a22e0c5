-- Which rows a tenant sees: Note [Row-level security]. Each carries its client.
SELECT credit_show_to_client('loyalty_loyaltyprogram');
SELECT credit_show_to_client('loyalty_tier');
SELECT credit_show_to_client('loyalty_customer');
SELECT credit_show_to_client('loyalty_loyaltytransaction');
SELECT credit_show_to_client('loyalty_stockitem');
SELECT credit_show_to_client('loyalty_registersession');
SELECT credit_show_to_client('loyalty_checkout');
SELECT credit_show_to_client('loyalty_checkoutline');
SELECT credit_show_to_client('loyalty_payment');
SELECT credit_show_to_client('loyalty_reconciliationitem');
SELECT credit_show_to_client('loyalty_refund');
SELECT credit_show_to_client('loyalty_reward');

-- A card of the platform's stock is its holder's too.
DROP POLICY IF EXISTS reward_holder ON giftcards_giftcard;
CREATE POLICY reward_holder ON giftcards_giftcard FOR SELECT USING (
    client_id IS NULL AND holder_kind = 'reward'
    AND EXISTS (SELECT 1 FROM loyalty_reward r WHERE r.id = holder_id));
