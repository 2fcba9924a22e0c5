-- A programme of {count} rewards, from one sealed pair of codes for each: see million.py. What comes
-- out keeps every promise. Statements end with a semicolon at the end of a line.

CREATE TEMP TABLE reward ON COMMIT DROP AS
SELECT s.n, c.number AS client, c.client_id, c.campaign_id, c.condition_id, c.pool_id, c.brand_id,
    c.account_id, gen_random_uuid() AS id, gen_random_uuid() AS recipient_id,
    gen_random_uuid() AS card_id, gen_random_uuid() AS transaction_id,
    gen_random_uuid() AS message_id, s.n % 8 = 0 AS is_confirmed,
    {now} - interval '200 days' * (1 - s.n::float / ({count} + 1)) - interval '1 hour' AS at,
    s.code, s.code_digest, s.last4, s.redemption_code, s.redemption_digest, s.redemption_last4
FROM sealed s JOIN million_client c ON c.number = s.n % (SELECT count(*) FROM million_client);

INSERT INTO redemption_recipient (id, campaign_id, client_id, first_name, last_name, phone,
    code_digest, code_encrypted, code_last4, created_at)
SELECT recipient_id, campaign_id, client_id, 'Ana', 'Sample', '+12025550123', redemption_digest,
    redemption_code, redemption_last4, at FROM reward;

INSERT INTO giftcards_giftcard (id, pool_id, brand_id, client_id, code_encrypted, code_digest,
    last4, value_minor, currency, cost_minor, status, source, claim_key, holder_kind, holder_id,
    claimed_at, delivered_at, created_at)
SELECT card_id, pool_id, brand_id, client_id, code, code_digest, last4, 2500, 'USD', 2400,
    'delivered', 'upload', n, 'redemption', id, at, at + interval '3 seconds',
    at - interval '1 day' FROM reward;

INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, reason, at)
SELECT card_id, step.before, step.after, 'system', '', at FROM reward,
    (VALUES (1, 'available', 'claimed'), (2, 'claimed', 'delivered')) step (place, before, after)
ORDER BY n, step.place;

INSERT INTO credit_transaction (id, kind, reference, idempotency_key, actor, created_at)
SELECT transaction_id, 'redemption', 'redemption:' || id || ':1', 'redemption:' || id || ':1',
    'system', at FROM reward;

INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
SELECT transaction_id, account, amount, after FROM (
    SELECT n, 1 AS side, transaction_id, account_id AS account, -2500 AS amount,
        {credit} - 2500 * row_number() OVER (PARTITION BY account_id ORDER BY n) AS after
    FROM reward
    UNION ALL SELECT n, 2, transaction_id, (SELECT id FROM credit_account
        WHERE level = 'platform' AND purpose = 'consumed' AND currency = 'USD'), 2500, NULL
    FROM reward) sides
ORDER BY n, side;

UPDATE credit_account a SET balance_minor = balance_minor - spent.total
FROM (SELECT account_id, count(*) * 2500 AS total FROM reward GROUP BY account_id) spent
WHERE a.id = spent.account_id;

INSERT INTO redemption_redemption (id, client_id, campaign_id, recipient_id, condition_id, card_id,
    transaction_id, state, door, actor, source, face_value_minor, cost_minor, charged_minor,
    currency, debits, contact_method, contact_to, request_id, created_at, code_age_hours, issued_at,
    delivered_at, confirmed_at)
SELECT id, client_id, campaign_id, recipient_id, condition_id, card_id, transaction_id,
    CASE WHEN is_confirmed THEN 'confirmed' ELSE 'delivered' END, 'web', 'customer', 'csv', 2500,
    2400, 2500, 'USD', 1, 'sms', '+12025550123', 'r', at, 0, at, at + interval '3 seconds',
    CASE WHEN is_confirmed THEN at + interval '9 seconds' END
FROM reward;

INSERT INTO redemption_reveallink (token_digest, redemption_id, version, expires_at, created_at)
SELECT sha256(convert_to(id::text, 'UTF8')), id, 1, at + interval '90 days', at FROM reward;

INSERT INTO sms_message (id, client_id, purpose, channel, "to", reference_kind, reference_id, state,
    attempts_used, provider_id, segments, created_at, accepted_at, delivered_at)
SELECT message_id, client_id, 'reward', 'sms', '+12025550123', 'redemption', id,
    CASE WHEN is_confirmed THEN 'delivered' ELSE 'sent' END, 1, 'SM' || md5(id::text), 1, at,
    at + interval '3 seconds', CASE WHEN is_confirmed THEN at + interval '9 seconds' END
FROM reward;

INSERT INTO sms_deliveryattempt (message_id, number, provider_id, status, price, requested_at,
    answered_at)
SELECT message_id, 1, 'SM' || md5(id::text), 'sent', '-0.00750', at + interval '2 seconds',
    at + interval '3 seconds' FROM reward;

INSERT INTO sms_statusevent (message_id, provider_id, status, received_at)
SELECT message_id, 'SM' || md5(id::text), 'sent', at + interval '4 seconds' FROM reward;
