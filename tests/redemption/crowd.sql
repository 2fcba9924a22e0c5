-- A year of a programme, from one row for each person: see crowd.py, which runs it statement by
-- statement (they end with a semicolon at the end of a line). What stands in braces is filled in.

CREATE OR REPLACE FUNCTION pg_temp.dice(n bigint, salt integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (hashint8extended(n, {seed} * 1000 + salt) & 2147483647) / 2147483648.0
$$;

CREATE OR REPLACE FUNCTION pg_temp.made(kind text, n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5({seed} || kind || n)::uuid
$$;

-- Who, in which campaign, for which condition, and when: busier towards the end, quieter at
-- weekends and at night, and one in a hundred within the last hour.
CREATE TEMP TABLE crowd ON COMMIT DROP AS
WITH choosing AS MATERIALIZED (
    SELECT n, 1 + floor(power(pg_temp.dice(n, 1), 1.6) * (SELECT count(*) FROM crowd_offer))::int
            AS offer,
        floor({days} * power(pg_temp.dice(n, 2), 1.3))::int AS days_ago,
        pg_temp.dice(n, 4) AS weekend, (pg_temp.dice(n, 5) + pg_temp.dice(n, 6)) / 2 AS hour
    FROM generate_series(1, {count}) n
), timed AS (
    SELECT *, {until} - make_interval(days => days_ago) AS day FROM choosing
), moved AS (
    SELECT *, date_trunc('day', day, 'UTC') + interval '17.4 hours' * hour + interval '6 hours'
        + CASE WHEN weekend < 0.5 AND extract(isodow FROM day AT TIME ZONE 'UTC') > 5
            THEN interval '-2 days' ELSE interval '0' END AS at
    FROM timed
), placed AS (
    SELECT n, offer, CASE
        WHEN n > {count} - {count} / 100
            THEN {until} - interval '1 hour' * pg_temp.dice(n, 7)
        WHEN at > {until} - interval '1 hour'
            THEN at - interval '1 day' - interval '1 hour' * pg_temp.dice(n, 7)
        ELSE at END AS at
    FROM moved
), rolled AS (
    SELECT p.n, p.at, o.*, pg_temp.dice(n, 8) AS fate, pg_temp.dice(n, 9) AS door_dice,
        pg_temp.dice(n, 10) AS contact_dice, pg_temp.dice(n, 11) AS pace,
        pg_temp.dice(n, 12) AS slowness, pg_temp.dice(n, 13) < 0.01 AS is_test,
        pg_temp.dice(n, 14) < 0.05 AS is_bought,
        p.at > {until} - interval '7 days' AS is_recent
    FROM placed p JOIN crowd_offer o ON o.number = p.offer
), fated AS (
    SELECT *, CASE
            WHEN is_test THEN 'issued'
            WHEN fate < 0.780 THEN 'delivered'
            WHEN fate < 0.900 THEN 'confirmed'
            WHEN fate < 0.925 THEN CASE WHEN is_recent THEN 'issued' ELSE 'delivered' END
            WHEN fate < 0.940 THEN CASE WHEN is_recent THEN 'waiting_stock' ELSE 'delivered' END
            WHEN fate < 0.948 THEN CASE WHEN is_recent THEN 'waiting_opt_in' ELSE 'delivered' END
            WHEN fate < 0.954 THEN CASE WHEN is_recent THEN 'waiting_approval' ELSE 'delivered' END
            WHEN fate < 0.955 THEN 'unconfirmed'
            WHEN fate < 0.985 THEN 'failed'
            ELSE 'cancelled' END AS state,
        -- Those who would have waited had to: they were served later.
        fate >= 0.925 AND fate < 0.954 AND NOT is_recent AS was_served,
        CASE WHEN door_dice < 0.45 THEN 'web' WHEN door_dice < 0.65 THEN 'desk'
            WHEN door_dice < 0.80 THEN 'crm' ELSE 'api' END AS door,
        CASE WHEN contact_dice < 0.70 THEN 'sms' WHEN contact_dice < 0.90 THEN 'email'
            ELSE 'none' END AS contact
    FROM rolled
), issued AS (
    SELECT *, state IN ('issued', 'delivered', 'confirmed') AS stands,
        CASE WHEN state IN ('waiting_stock', 'waiting_opt_in', 'waiting_approval', 'unconfirmed')
                OR (state IN ('failed', 'cancelled') AND pace < 0.4) THEN NULL
            WHEN was_served THEN least(at + interval '3 days' * pace, {until})
            WHEN is_bought THEN at + interval '20 seconds' * pace
            ELSE at END AS issued_at
    FROM fated
)
SELECT *, pg_temp.made('recipient', n) AS recipient_id, pg_temp.made('redemption', n) AS id,
    CASE WHEN issued_at IS NOT NULL AND NOT is_test THEN pg_temp.made('card', n) END AS card_id,
    CASE WHEN state IN ('delivered', 'confirmed') THEN least({until}, issued_at + CASE
        WHEN contact = 'none' THEN interval '0'
        WHEN slowness < 0.86 THEN interval '0.2 seconds' + interval '1.6 seconds' * pace
        WHEN slowness < 0.97 THEN interval '3 minutes' * pace * pace
        ELSE interval '9 hours' * pace * pace END) END AS delivered_at,
    agents[1 + floor(pg_temp.dice(n, 15) * cardinality(agents))::int] AS agent_id,
    (charge_minor * CASE WHEN pg_temp.dice(n, 16) < 0.02 THEN 0 ELSE 1 END) AS charged_minor
FROM issued ORDER BY at, n;

INSERT INTO redemption_recipient (id, campaign_id, client_id, first_name, last_name, phone, email,
    city, region, postal_code, country, code_digest, code_encrypted, code_last4, approval, is_test,
    created_at)
SELECT recipient_id, campaign_id, client_id, 'Person', 'No ' || n, '+1202' || 2000000 + n,
    'person' || n || '@example.com', p.city, p.region,
    CASE WHEN p.postal = '' THEN '' ELSE p.postal || lpad((n % 100)::text, 2, '0') END, p.country,
    decode(md5({seed} || 'code' || n) || md5(n || 'code' || {seed}), 'hex'), 'v1:crowd', '0000',
    CASE WHEN state = 'waiting_approval' THEN 'pending' ELSE 'not_needed' END, is_test,
    at - interval '20 days' * pace
FROM crowd JOIN LATERAL (SELECT * FROM (VALUES
        (0.00, 'Chicago', 'Illinois', '606', 'US'), (0.14, 'Springfield', 'Illinois', '627', 'US'),
        (0.20, 'Houston', 'Texas', '770', 'US'), (0.30, 'Austin', 'Texas', '787', 'US'),
        (0.37, 'Los Angeles', 'California', '900', 'US'),
        (0.50, 'Oakland', 'California', '946', 'US'), (0.54, 'Boston', 'Massachusetts', '021', 'US'),
        (0.60, 'Leeds', 'England', 'LS', 'GB'), (0.66, 'London', 'England', 'SW', 'GB'),
        (0.73, 'Cardiff', 'Wales', 'CF', 'GB'), (0.76, 'Toronto', 'Ontario', 'M5', 'CA'),
        (0.82, 'Lyon', 'Auvergne-Rhône-Alpes', '690', 'FR'),
        (0.86, 'Madrid', 'Comunidad de Madrid', '280', 'ES'),
        (0.90, 'Springfield', 'Missouri', '658', 'US'), (0.93, 'Austin', '', '787', 'US'),
        (0.95, '', 'Texas', '', 'US'), (0.96, '', '', '', '')
    ) AS place (since, city, region, postal, country)
    WHERE since <= pg_temp.dice(n, 20) ORDER BY since DESC LIMIT 1) p ON true;

-- Without entries: the ledger's sums are no business of a crowd.
INSERT INTO credit_transaction (id, kind, reference, idempotency_key, actor, created_at)
SELECT pg_temp.made('transaction', n), 'redemption', 'redemption:' || id || ':1',
    'redemption:' || id || ':1', 'customer', issued_at
FROM crowd WHERE card_id IS NOT NULL AND charged_minor > 0;

INSERT INTO redemption_redemption (id, client_id, campaign_id, recipient_id, condition_id, card_id,
    transaction_id, state, reason_code, door, actor, source, face_value_minor, cost_minor,
    charged_minor, currency, debits, is_test, contact_method, contact_to, ip_address, request_id,
    created_at, code_age_hours, issued_at, delivered_at, confirmed_at, failed_at, cancelled_at)
SELECT id, client_id, campaign_id, recipient_id, condition_id, CASE WHEN stands THEN card_id END,
    CASE WHEN card_id IS NOT NULL AND charged_minor > 0 THEN pg_temp.made('transaction', n) END,
    state,
    CASE state WHEN 'waiting_stock' THEN 'GC-003' WHEN 'waiting_opt_in' THEN 'GC-009'
        WHEN 'waiting_approval' THEN 'GC-103' WHEN 'unconfirmed' THEN 'GC-005'
        WHEN 'failed' THEN CASE WHEN pace < 0.7 THEN 'GC-005' ELSE 'GC-014' END ELSE '' END,
    door,
    CASE door WHEN 'web' THEN 'customer' WHEN 'desk' THEN 'user:' || agent_id
        WHEN 'crm' THEN 'source:' || pg_temp.made('source', 1)
        ELSE 'key:' || pg_temp.made('key', 1) END,
    CASE WHEN card_id IS NULL THEN '' WHEN is_bought THEN 'api' ELSE 'csv' END,
    value_minor,
    CASE WHEN card_id IS NULL OR fate * 1000 - floor(fate * 1000) < 0.03 THEN NULL
        ELSE value_minor * 94 / 100 END,
    CASE WHEN is_test THEN 0 WHEN card_id IS NOT NULL THEN charged_minor END,
    currency, (card_id IS NOT NULL AND charged_minor > 0)::int, is_test, contact,
    CASE contact WHEN 'sms' THEN '+1202' || 2000000 + n
        WHEN 'email' THEN 'person' || n || '@example.com' ELSE '' END,
    CASE WHEN door = 'web' THEN ('198.51.' || n % 256 || '.' || n / 256 % 256)::inet END,
    'crowd-' || n, at, redemption_code_age_hours(interval '20 days' * pace), issued_at,
    delivered_at,
    CASE WHEN state = 'confirmed' THEN least(delivered_at + interval '1 day' * pace, {until}) END,
    CASE WHEN state = 'failed' THEN least(at + interval '2 hours' * slowness, {until}) END,
    CASE WHEN state = 'cancelled' THEN least(at + interval '9 days' * slowness, {until}) END
FROM crowd;

INSERT INTO redemption_pendingreward
    (redemption_id, reason_code, call_back_by, promised_by, served_at, created_at)
SELECT id, 'GC-003', at + interval '4 hours', at + interval '24 hours',
    CASE WHEN was_served THEN issued_at END, at
FROM crowd WHERE NOT is_test AND (state = 'waiting_stock' OR was_served);

-- The cards that were claimed, those of a reward taken back void; and what lies in stock.
INSERT INTO giftcards_giftcard (id, pool_id, brand_id, client_id, code_encrypted, code_digest,
    last4, value_minor, currency, cost_minor, status, source, expires_on, expiry_bucket, claim_key,
    holder_kind, holder_id, claimed_at, delivered_at, created_at)
SELECT card_id, pool_id, brand_id, pool_client_id, 'v1:crowd',
    decode(md5({seed} || 'card' || n) || md5(n || 'card' || {seed}), 'hex'), '0000', value_minor,
    currency, NULL, CASE WHEN NOT stands THEN 'void' WHEN delivered_at IS NULL THEN 'claimed'
        ELSE 'delivered' END, CASE WHEN is_bought THEN 'api' ELSE 'upload' END,
    (issued_at + interval '400 days')::date, to_char(issued_at + interval '400 days',
        'YYYYMM')::int, n % 100000, 'redemption', id, issued_at, delivered_at,
    -- Cards come in loads of a month.
    CASE WHEN is_bought THEN at ELSE date_trunc('month', at, 'UTC') - interval '3 days' END
FROM crowd WHERE card_id IS NOT NULL;

INSERT INTO giftcards_giftcard (id, pool_id, brand_id, client_id, code_encrypted, code_digest,
    last4, value_minor, currency, status, source, expires_on, expiry_bucket, claim_key, created_at)
SELECT pg_temp.made('stock', n), pool_id, brand_id, pool_client_id, 'v1:crowd',
    decode(md5({seed} || 'stock' || n) || md5(n || 'stock' || {seed}), 'hex'), '0000',
    value_minor, currency, CASE WHEN n % 40 = 0 THEN 'expired' ELSE 'available' END, 'upload', ({until} + make_interval(days => day))::date,
    to_char({until} + make_interval(days => day), 'YYYYMM')::int, n % 100000,
    {until} - interval '60 days' * pg_temp.dice(n, 22)
FROM (SELECT n, 10 + floor(pg_temp.dice(n, 21) * 600)::int AS day,
        1 + n % (SELECT count(*) FROM crowd_offer) AS offer
    FROM generate_series(1, {count} / 8) n) s
JOIN crowd_offer o ON o.number = s.offer;

INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, at)
SELECT c.card_id, e.before, e.after, 'customer', e.at
FROM crowd c JOIN LATERAL (VALUES ('available', 'claimed', issued_at),
    ('claimed', 'delivered', delivered_at),
    ('claimed', 'void', CASE WHEN NOT stands THEN least(at + interval '9 days', {until}) END)
) AS e (before, after, at) ON e.at IS NOT NULL
WHERE c.card_id IS NOT NULL;

-- Texts and e-mails: most arrive, some do not, some are still on their way.
CREATE TEMP TABLE crowd_message ON COMMIT DROP AS
SELECT pg_temp.made('message', n) AS message_id, c.*, CASE
        WHEN contact = 'email' THEN CASE WHEN m.dice < 0.97 THEN 'sent' ELSE 'failed' END
        WHEN issued_at > {until} - interval '10 minutes' AND m.dice < 0.3
            THEN 'queued'
        WHEN m.dice < 0.955 THEN 'delivered' WHEN m.dice < 0.965 THEN 'sent'
        WHEN m.dice < 0.975 THEN 'undelivered' WHEN m.dice < 0.985 THEN 'failed'
        WHEN m.dice < 0.990 THEN 'suppressed' WHEN m.dice < 0.994 THEN 'unknown'
        WHEN m.dice < 0.998 THEN 'manually_delivered' ELSE 'cancelled' END AS outcome,
    CASE WHEN m.tries < 0.93 THEN 1 WHEN m.tries < 0.98 THEN 2 ELSE 3 END AS attempts,
    m.tries AS message_pace
FROM crowd c CROSS JOIN LATERAL
    (SELECT pg_temp.dice(n, 30) AS dice, pg_temp.dice(n, 31) AS tries) m
WHERE issued_at IS NOT NULL AND contact <> 'none';

INSERT INTO sms_message (id, purpose, channel, "to", reference_kind, reference_id, state,
    attempts_used, provider_id, segments, error_code, request_id, created_at, accepted_at,
    delivered_at, client_id)
SELECT message_id, 'reward', contact, CASE contact WHEN 'sms' THEN '+1202' || 2000000 + n
        ELSE 'person' || n || '@example.com' END, 'redemption', id, outcome,
    CASE WHEN outcome = 'queued' THEN 0 ELSE attempts END,
    CASE WHEN outcome NOT IN ('queued', 'suppressed', 'cancelled')
        THEN 'SM' || md5({seed} || 'sid' || n || attempts) END,
    CASE WHEN contact = 'sms' THEN 1 + (n % 9 = 0)::int END,
    CASE outcome WHEN 'undelivered' THEN CASE WHEN n % 2 = 0 THEN '30003' ELSE '30005' END
        WHEN 'failed' THEN '21211' WHEN 'suppressed' THEN '21610' WHEN 'unknown' THEN 'no_answer'
        ELSE '' END,
    'crowd-' || n, issued_at,
    CASE WHEN outcome IN ('delivered', 'sent', 'undelivered', 'manually_delivered')
        THEN coalesce(delivered_at, issued_at) + interval '0.1 seconds' END,
    CASE WHEN outcome = 'delivered' THEN coalesce(delivered_at, issued_at)
        + interval '0.5 seconds' + interval '8 seconds' * message_pace * message_pace END,
    client_id
FROM crowd_message;

INSERT INTO sms_deliveryattempt (message_id, number, provider_id, status, error_code, price,
    requested_at, answered_at)
SELECT message_id, try, 'SM' || md5({seed} || 'sid' || n || try),
    CASE WHEN try < attempts THEN 'undelivered'
        WHEN outcome IN ('delivered', 'sent', 'undelivered', 'failed', 'unknown') THEN outcome
        WHEN outcome = 'manually_delivered' THEN 'undelivered' ELSE 'refused' END,
    CASE WHEN try < attempts THEN '30008' WHEN outcome = 'undelivered'
            THEN CASE WHEN n % 2 = 0 THEN '30003' ELSE '30005' END
        WHEN outcome = 'failed' THEN '21211' WHEN outcome = 'unknown' THEN 'no_answer'
        WHEN outcome = 'manually_delivered' THEN '30003' ELSE '' END,
    CASE WHEN contact = 'sms' AND try = attempts AND outcome <> 'failed' THEN '-0.00790'
        ELSE '' END,
    issued_at + interval '30 seconds' * (try - 1),
    issued_at + interval '30 seconds' * (try - 1) + interval '0.3 seconds'
FROM crowd_message CROSS JOIN generate_series(1, attempts) try
WHERE outcome NOT IN ('queued', 'suppressed', 'cancelled');

-- The steps of each, as the redemption's function leaves them, and the refusals between them.
INSERT INTO redemption_provisioningtrace (request_id, redemption_id, step, status, error_code,
    message, milliseconds, at)
SELECT 'crowd-' || n, c.id, s.step, s.status, s.code, '', s.milliseconds, s.at
FROM crowd c CROSS JOIN LATERAL (VALUES
    ('claim_card', 'ok', '', 1 + 8 * pace * pace, issued_at),
    ('queue_message', 'ok', '', 0.4 + slowness, CASE WHEN contact <> 'none' THEN issued_at END),
    ('debit_account', 'ok', '', 0.6 + 5 * slowness, CASE WHEN charged_minor > 0 THEN issued_at END),
    ('wait', state, CASE state WHEN 'waiting_opt_in' THEN 'GC-009' WHEN 'waiting_approval'
            THEN 'GC-103' ELSE 'GC-003' END, 2.0,
        CASE WHEN state LIKE 'waiting%' OR was_served THEN at END)
) AS s (step, status, code, milliseconds, at) WHERE s.at IS NOT NULL ORDER BY s.at;

CREATE TEMP TABLE crowd_refusal ON COMMIT DROP AS
SELECT n, c.at - interval '3 minutes' * pg_temp.dice(n, 40) AS at, c.id, r.code, r.result,
    c.door
FROM crowd c JOIN LATERAL (SELECT * FROM (VALUES
        (0.00, 'GC-011', 'unknown_code'), (0.50, 'GC-010', 'tried'), (0.72, 'GC-012', 'tried'),
        (0.80, 'GC-101', 'rate_limited'), (0.86, 'GC-104', 'tried'), (0.90, 'GC-009', 'wrong_factor'),
        (0.93, 'GC-003', 'tried'), (0.95, 'GC-106', 'tried'), (0.97, 'GC-006', 'tried'),
        (0.98, 'GC-102', 'blocked'), (0.99, 'GC-015', 'tried')) AS refusal (since, code, result)
    WHERE since <= pg_temp.dice(n, 41) ORDER BY since DESC LIMIT 1) r ON true
WHERE n % 12 = 0;

INSERT INTO redemption_provisioningtrace (request_id, redemption_id, step, status, error_code,
    message, at)
SELECT 'crowd-refused-' || n, CASE code WHEN 'GC-010' THEN id END, 'redeem', 'refused', code, '', at
FROM crowd_refusal WHERE code NOT IN ('GC-101', 'GC-102') ORDER BY at;

-- Tries at codes: of those who were rewarded, and of those who were not; a few addresses guess.
INSERT INTO redemption_attemptlog (at, action, network, counts_address, caller, code_digest, form,
    attempt, result, "limit", request_id)
SELECT at, CASE door WHEN 'web' THEN 'form' WHEN 'desk' THEN 'desk' ELSE 'redeem' END,
    CASE WHEN door = 'web' THEN ('198.51.' || n % 256 || '.' || n / 256 % 256 || '/32')::cidr END,
    door = 'web', CASE door WHEN 'web' THEN '' WHEN 'desk' THEN 'user:' || agent_id
        ELSE 'key:' || pg_temp.made('key', 1) END,
    decode(md5({seed} || 'code' || n) || md5(n || 'code' || {seed}), 'hex'), '',
    pg_temp.made('try', n), 'tried', '', 'crowd-' || n
FROM crowd WHERE door <> 'crm' ORDER BY at;

INSERT INTO redemption_attemptlog (at, action, network, counts_address, caller, code_digest, form,
    attempt, result, "limit", request_id)
SELECT at - interval '1 second' * number, 'form',
    ('198.51.' || n % 256 || '.' || n / 256 % 256 || '/32')::cidr, true, '',
    decode(md5(n || 'guess' || number) || md5(number || 'guess' || n), 'hex'), '',
    pg_temp.made('refused try' || number, n), result,
    CASE result WHEN 'rate_limited' THEN 'address' ELSE '' END, 'crowd-refused-' || n
FROM crowd_refusal CROSS JOIN generate_series(1, CASE WHEN n % 1200 = 0 THEN 12 ELSE 1 END) number
WHERE result IN ('unknown_code', 'wrong_factor', 'rate_limited', 'blocked')
ORDER BY at;

-- Calls at the desk: one for each reward given there, and others that came to nothing.
INSERT INTO redemption_callsession (id, agent_id, client_id, caller, recipient_id, redemption_id,
    started_at, active_at, ended_at, outcome)
SELECT pg_temp.made('call', n), agent_id, client_id, '+1202' || 2000000 + n, recipient_id,
    CASE WHEN is_helped THEN id END, began, least(ended, {until}), least(ended, {until}), CASE
        WHEN door = 'desk' AND issued_at IS NOT NULL THEN 'rewarded' WHEN is_helped THEN 'helped'
        WHEN fate < 0.4 THEN 'not_entitled' WHEN fate < 0.7 THEN 'not_found'
        WHEN fate < 0.9 THEN 'call_back' ELSE 'cut_off' END
FROM (SELECT *, at - interval '40 seconds' - interval '4 minutes' * pace AS began,
        at + interval '20 seconds' + interval '6 minutes' * slowness * slowness AS ended,
        door = 'desk' OR (issued_at IS NOT NULL AND n % 29 = 0) AS is_helped
    FROM crowd) c
WHERE door = 'desk' OR n % 29 = 0 OR n % 31 = 0;
