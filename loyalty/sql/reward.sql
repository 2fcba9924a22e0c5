-- A gift card for points: both happen, or neither. From stock at once; from a provider the points
-- are held until its order ends (loyalty/services/reward_orders.py). Locked in the order customer →
-- card → account. What it costs in points is its face value at the programme's rate, rounded up.
--
-- Raises GC112 where the points do not suffice, GC002 where the value is not offered, GC003 where
-- there is no card anywhere, GC004 where nobody sells it, GC006 and GC008 where the client's account
-- can not pay for it, GC012 with the field that is wrong.
CREATE OR REPLACE FUNCTION loyalty_take_reward(
    p_reward_id uuid,
    p_client_id uuid,
    p_customer_id uuid,
    p_denomination_id uuid,
    p_contact_method text,
    p_contact_to text,
    p_locale text,
    p_disclose boolean,
    p_message_id uuid,
    p_reveal_digest bytea,
    p_reveal_until timestamptz,
    p_providers text[],
    p_actor text,
    p_request_id text,
    p_idempotency_owner text,
    p_idempotency_key text,
    p_idempotency_fingerprint bytea,
    p_now timestamptz
) RETURNS loyalty_reward
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_customer loyalty_customer;
    v_program loyalty_loyaltyprogram;
    v_offer record;
    v_card giftcards_giftcard;
    v_reward loyalty_reward;
    v_route record;
    v_account_id uuid;
    v_transaction_id uuid;
    v_points bigint;
BEGIN
    PERFORM set_config('giftline.actor', p_actor, true), set_config('giftline.reason', '', true);
    v_customer := loyalty_lock_customer(p_client_id, p_customer_id);
    IF p_idempotency_key IS NOT NULL AND EXISTS (
        SELECT 1 FROM credit_idempotencyrecord
        WHERE owner = p_idempotency_owner AND key = p_idempotency_key)
    THEN
        RAISE EXCEPTION 'this key was answered before' USING ERRCODE = 'GC900';
    END IF;
    SELECT * INTO v_program FROM loyalty_loyaltyprogram
        WHERE client_id = p_client_id AND is_enabled;
    SELECT d.value_minor, d.currency, d.brand_id, b.name AS brand_name, c.name AS client_name,
            c.agency_id, c.is_active AND a.is_active AS is_active,
            (SELECT o.is_offered FROM giftcards_find_offer(c.agency_id, c.id, d.brand_id,
                d.value_minor, d.currency) o) AS is_offered,
            (SELECT o.price_minor FROM giftcards_find_offer(c.agency_id, c.id, d.brand_id,
                d.value_minor, d.currency) o) AS price_minor
        INTO v_offer
        FROM giftcards_denomination d
        JOIN giftcards_brand b ON b.id = d.brand_id
        JOIN credit_client c ON c.id = p_client_id
        JOIN credit_agency a ON a.id = c.agency_id
        WHERE d.id = p_denomination_id;
    IF v_offer.value_minor IS NULL THEN
        PERFORM loyalty_refuse_field('denomination_id', 'There is no such value.');
    ELSIF v_program.id IS NULL OR v_program.currency <> v_offer.currency THEN
        PERFORM loyalty_refuse_field(
            'denomination_id', 'Points can''t be exchanged for this at the moment.');
    ELSIF NOT v_offer.is_active THEN
        RAISE EXCEPTION 'client % is not active', p_client_id USING ERRCODE = 'GC115';
    ELSIF v_offer.is_offered IS DISTINCT FROM true THEN
        RAISE EXCEPTION 'value % is not offered', p_denomination_id USING ERRCODE = 'GC002';
    END IF;
    v_points := ceil(v_offer.value_minor / v_program.point_value_minor);
    PERFORM loyalty_refuse_shortage(v_customer, v_points);
    SELECT a.id INTO v_account_id FROM credit_account a
        WHERE a.level = 'client' AND a.client_id = p_client_id AND a.currency = v_offer.currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'client % has no account in %', p_client_id, v_offer.currency
            USING ERRCODE = 'GC008';
    END IF;

    v_card := giftcards_provision_from_stock(
        NULL, p_client_id, p_denomination_id, 'reward', p_reward_id, p_now);
    IF v_card.id IS NULL THEN
        SELECT (b.card).* INTO v_card FROM giftcards_provision_from_buffer(
            NULL, p_client_id, p_denomination_id, 'reward', p_reward_id, p_now) b;
    END IF;
    IF v_card.id IS NULL THEN
        SELECT * INTO v_route FROM giftcards_find_route(
            NULL, p_client_id, p_denomination_id, p_providers, p_now);
        IF v_route.problem = 'not_configured' AND EXISTS (SELECT 1 FROM giftcards_pool
            WHERE id = v_route.pool_id AND purchase_method = 'api_only')
        THEN
            RAISE EXCEPTION 'pool % buys from a provider that is not set up', v_route.pool_id
                USING ERRCODE = 'GC004', DETAIL = jsonb_build_object(
                    'pool_id', v_route.pool_id, 'client_id', p_client_id)::text;
        ELSIF v_route.problem IS NOT NULL THEN
            RAISE EXCEPTION 'no card anywhere' USING ERRCODE = 'GC003';
        END IF;
    ELSIF p_disclose THEN
        v_card := giftcards_disclose_card(v_card.id, p_now);
    END IF;
    IF v_card.id IS NOT NULL AND v_card.sale_id IS NULL THEN
        v_transaction_id := gen_random_uuid();
    END IF;

    INSERT INTO loyalty_reward
        (id, client_id, customer_id, denomination_id, card_id, transaction_id, state, reason_code,
         source, points, face_value_minor, charged_minor, cost_minor, currency, contact_method,
         contact_to, reveal_digest, reveal_until, actor, request_id, created_at, issued_at,
         delivered_at)
    VALUES (p_reward_id, p_client_id, p_customer_id, p_denomination_id, v_card.id,
        v_transaction_id,
        CASE WHEN v_card.id IS NULL THEN 'provisioning' WHEN p_disclose THEN 'delivered'
            ELSE 'issued' END,
        CASE WHEN v_card.id IS NULL THEN 'GC-005' ELSE '' END,
        CASE WHEN v_card.id IS NULL THEN '' WHEN v_card.source IN ('api', 'buffer')
            THEN v_card.source ELSE 'csv' END,
        v_points, v_offer.value_minor,
        CASE WHEN v_card.id IS NULL THEN NULL WHEN v_card.sale_id IS NOT NULL THEN 0
            ELSE v_offer.price_minor END,
        coalesce(v_card.cost_minor, (SELECT p.cost_per_card_minor FROM giftcards_pool p
            WHERE p.id = v_card.pool_id)),
        v_offer.currency, p_contact_method, p_contact_to, p_reveal_digest, p_reveal_until, p_actor,
        p_request_id, p_now, CASE WHEN v_card.id IS NOT NULL THEN p_now END,
        CASE WHEN v_card.id IS NOT NULL AND p_disclose THEN p_now END)
    RETURNING * INTO v_reward;
    IF v_card.id IS NULL THEN
        UPDATE loyalty_customer SET points_held = points_held + v_points WHERE id = p_customer_id;
    ELSE
        PERFORM loyalty_post_points(p_customer_id, -v_points, 'spent', 'reward', p_reward_id,
            v_offer.brand_name, p_actor, p_now);
        IF p_contact_method <> 'none' THEN
            PERFORM sms_queue_message(p_message_id, p_client_id, 'reward', p_contact_method,
                p_contact_to, p_locale, loyalty_message_values(v_reward), 'reward', p_reward_id,
                p_request_id, p_now);
        END IF;
    END IF;
    IF p_idempotency_key IS NOT NULL THEN
        INSERT INTO credit_idempotencyrecord
            (owner, key, fingerprint, status, object_id, state, created_at)
        VALUES (p_idempotency_owner, p_idempotency_key, p_idempotency_fingerprint,
            CASE WHEN v_card.id IS NULL THEN 202 ELSE 201 END, p_reward_id,
            CASE WHEN v_card.id IS NULL THEN 'provisioning' ELSE 'issued' END, p_now)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this key was answered meanwhile' USING ERRCODE = 'GC900';
        END IF;
    END IF;
    -- The account last: it is the hottest row.
    IF v_card.id IS NULL THEN
        PERFORM giftcards_place_order(gen_random_uuid(), v_route.pool_id, p_denomination_id,
            p_client_id, v_route.provider, v_route.provider_slug, 'reward', p_reward_id,
            ARRAY[v_account_id], v_offer.price_minor, v_offer.currency, p_actor, p_request_id,
            p_now);
    ELSIF v_transaction_id IS NOT NULL THEN
        IF credit_debit_account(v_transaction_id, v_account_id, v_offer.price_minor,
            v_offer.currency, 'redemption', 'consumed', 'reward:' || p_reward_id, p_actor, p_now)
            IS NULL
        THEN
            RAISE EXCEPTION 'account % can not pay %', v_account_id, v_offer.price_minor
                USING ERRCODE = 'GC006', DETAIL = jsonb_build_object('account_id', v_account_id,
                    'amount_minor', v_offer.price_minor)::text;
        END IF;
    END IF;
    RETURN v_reward;
END
$$;

-- What the words of a reward's messages may say, as of every reward.
CREATE OR REPLACE FUNCTION loyalty_message_values(p_reward loyalty_reward) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object('first_name', c.first_name, 'last_name', c.last_name,
        'brand', b.name, 'value_minor', p_reward.face_value_minor, 'currency', p_reward.currency,
        'company', cl.name, 'is_test', false,
        'expires_on', (SELECT g.expires_on FROM giftcards_giftcard g WHERE g.id = p_reward.card_id))
    FROM loyalty_customer c
    JOIN credit_client cl ON cl.id = c.client_id
    JOIN giftcards_denomination d ON d.id = p_reward.denomination_id
    JOIN giftcards_brand b ON b.id = d.brand_id
    WHERE c.id = p_reward.customer_id
$$;

-- The end of a reward's order, as part of the transaction that ends it: issued with its card, or
-- failed and the points free again. The customer is locked first.
CREATE OR REPLACE FUNCTION loyalty_settle_reward(
    p_reward_id uuid,
    p_card_id uuid,
    p_transaction_id uuid,
    p_charged_minor bigint,
    p_locale text,
    p_reveal_until timestamptz,
    p_now timestamptz
) RETURNS loyalty_reward
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_reward loyalty_reward;
BEGIN
    SELECT * INTO v_reward FROM loyalty_reward WHERE id = p_reward_id FOR NO KEY UPDATE;
    IF v_reward.state NOT IN ('provisioning', 'unconfirmed') THEN
        RETURN v_reward;
    END IF;
    UPDATE loyalty_reward r
        SET state = CASE WHEN p_card_id IS NULL THEN 'failed' ELSE 'issued' END,
            reason_code = CASE WHEN p_card_id IS NULL THEN 'GC-005' ELSE '' END,
            card_id = p_card_id, transaction_id = p_transaction_id,
            source = CASE WHEN p_card_id IS NULL THEN '' ELSE 'api' END,
            charged_minor = CASE WHEN p_card_id IS NOT NULL THEN p_charged_minor END,
            cost_minor = (SELECT coalesce(g.cost_minor, p.cost_per_card_minor)
                FROM giftcards_giftcard g JOIN giftcards_pool p ON p.id = g.pool_id
                WHERE g.id = p_card_id),
            issued_at = CASE WHEN p_card_id IS NOT NULL THEN p_now END,
            failed_at = CASE WHEN p_card_id IS NULL THEN p_now END, reveal_until = p_reveal_until
        WHERE r.id = p_reward_id RETURNING * INTO v_reward;
    UPDATE loyalty_customer SET points_held = points_held - v_reward.points
        WHERE id = v_reward.customer_id;
    IF p_card_id IS NOT NULL THEN
        PERFORM loyalty_post_points(v_reward.customer_id, -v_reward.points, 'spent', 'reward',
            p_reward_id, 'Gift card', v_reward.actor, p_now);
        IF v_reward.contact_method <> 'none' THEN
            PERFORM sms_queue_message(gen_random_uuid(), v_reward.client_id, 'reward',
                v_reward.contact_method, v_reward.contact_to, p_locale,
                loyalty_message_values(v_reward), 'reward', p_reward_id, v_reward.request_id,
                p_now);
        END IF;
    END IF;
    RETURN v_reward;
END
$$;
