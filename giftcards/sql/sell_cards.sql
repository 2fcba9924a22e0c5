-- Note [Selling cards]
-- Exactly so many available cards of a master pool move to a client's pool of the same value, and
-- the client's account pays for them: one transaction, all or nothing. Locked in the order
-- pool → card → account, as in Note [Lock order]. Sellers of one pool queue up at its row, so that
-- each reads a true number of cards; redemptions do not look at that row, and cards that they hold
-- are passed over. A sold card names its sale, by which a redemption knows that it is paid.
--
-- A repeat with the same key returns the first sale. Returned, not raised: sale_id is NULL when
-- there are fewer cards than asked, and available says how many. Raises GC006 when the account can
-- not pay, GC008 when the client has none in the pool's currency, GC111 when the pool is no master
-- pool in use or there is no such client.
CREATE OR REPLACE FUNCTION giftcards_sell_cards(
    p_sale_id uuid,
    p_master_pool_id uuid,
    p_client_id uuid,
    p_quantity integer,
    p_price_minor bigint,
    p_pool_name text,
    p_key text,
    p_actor text,
    p_now timestamptz,
    OUT sale_id uuid,
    OUT available integer
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_today constant date := (p_now AT TIME ZONE 'UTC')::date;
    v_master giftcards_pool;
    v_pool_id uuid;
    v_account_id uuid;
    v_currency text;
    v_cards uuid[];
    v_transaction_id constant uuid := gen_random_uuid();
BEGIN
    SELECT * INTO v_master FROM giftcards_pool
        WHERE id = p_master_pool_id AND kind = 'master' FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT 1 FROM credit_client WHERE id = p_client_id) THEN
        RAISE EXCEPTION 'no master pool % or no client %', p_master_pool_id, p_client_id
            USING ERRCODE = 'GC111';
    END IF;
    -- Only now: a repeat that came while the first was running has waited for the lock above.
    SELECT s.id, s.quantity INTO sale_id, available
        FROM giftcards_cardsale s WHERE s.idempotency_key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    IF v_master.archived_at IS NOT NULL THEN
        RAISE EXCEPTION 'pool % is archived', p_master_pool_id USING ERRCODE = 'GC111';
    END IF;
    SELECT d.currency INTO STRICT v_currency FROM giftcards_denomination d
        WHERE d.id = v_master.denomination_id;
    SELECT a.id INTO v_account_id FROM credit_account a
        WHERE a.level = 'client' AND a.client_id = p_client_id AND a.currency = v_currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'client % has no account in %', p_client_id, v_currency
            USING ERRCODE = 'GC008';
    END IF;

    -- That nobody may have seen it is a promise of every available card; here it is asked again.
    SELECT array_agg(id), count(*) INTO v_cards, available FROM (
        SELECT id FROM giftcards_giftcard
        WHERE pool_id = p_master_pool_id AND status = 'available' AND disclosed_at IS NULL
            AND (expires_on IS NULL OR expires_on >= v_today)
        ORDER BY expiry_bucket, claim_key LIMIT p_quantity FOR UPDATE SKIP LOCKED) taken;
    IF available < p_quantity THEN
        RETURN;
    END IF;

    sale_id := p_sale_id;
    v_pool_id := giftcards_pool_for_sale(p_client_id, v_master.denomination_id, p_pool_name, p_now);
    INSERT INTO giftcards_cardsale
        (id, master_pool_id, pool_id, client_id, quantity, price_per_card_minor, total_minor,
         currency, transaction_id, idempotency_key, actor, created_at)
    VALUES (sale_id, p_master_pool_id, v_pool_id, p_client_id, p_quantity, p_price_minor,
        p_quantity * p_price_minor, v_currency, v_transaction_id, p_key, p_actor, p_now);
    -- What a card cost goes with it: the client's pool would say another price.
    UPDATE giftcards_giftcard c
        SET pool_id = v_pool_id, client_id = p_client_id, sale_id = p_sale_id,
            cost_minor = coalesce(c.cost_minor, v_master.cost_per_card_minor)
        WHERE c.id = ANY (v_cards);
    INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, reason, at)
        SELECT id, 'available', 'available', p_actor, 'sold: sale ' || p_sale_id,
            clock_timestamp()
        FROM unnest(v_cards) id;
    IF credit_debit_account(v_transaction_id, v_account_id, p_quantity * p_price_minor, v_currency,
        'card_sale', 'consumed', 'sale:' || p_sale_id, p_actor, p_now) IS NULL
    THEN
        RAISE EXCEPTION 'account % can not pay %', v_account_id, p_quantity * p_price_minor
            USING ERRCODE = 'GC006', DETAIL = jsonb_build_object('account_id', v_account_id,
                'amount_minor', p_quantity * p_price_minor)::text;
    END IF;
END
$$;

-- The client's pool of a value that any of its conditions may draw from; made when there is none.
CREATE OR REPLACE FUNCTION giftcards_pool_for_sale(
    p_client_id uuid, p_denomination_id uuid, p_name text, p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_pool_id uuid;
BEGIN
    FOR v_try IN 1..2 LOOP
        SELECT id INTO v_pool_id FROM giftcards_pool
            WHERE kind = 'client' AND client_id = p_client_id
                AND denomination_id = p_denomination_id AND archived_at IS NULL AND NOT reserved
                AND purchase_method <> 'api_only'
            ORDER BY created_at, id LIMIT 1 FOR SHARE;
        IF FOUND THEN
            RETURN v_pool_id;
        END IF;
        -- Two sales of a client that has no pool yet would make two.
        PERFORM 1 FROM credit_client WHERE id = p_client_id FOR NO KEY UPDATE;
    END LOOP;
    INSERT INTO giftcards_pool
        (id, name, brand_id, denomination_id, kind, client_id, purchase_method,
         low_stock_threshold, warning_percent, critical_percent, reserved, created_at)
    SELECT gen_random_uuid(), p_name, d.brand_id, d.id, 'client', p_client_id, 'csv_only',
        20, 20, 10, false, p_now
        FROM giftcards_denomination d WHERE d.id = p_denomination_id
        RETURNING id INTO STRICT v_pool_id;
    RETURN v_pool_id;
END
$$;

-- Undo a sale whose cards are all still available: they go back to the master pool, and the money
-- to the account that paid. Returned, not raised: used says how many are not available any more;
-- with any, nothing was done. Repeated, it does nothing. Raises GC111 when there is no such sale.
CREATE OR REPLACE FUNCTION giftcards_reverse_sale(
    p_sale_id uuid,
    p_actor text,
    p_now timestamptz,
    OUT used integer,
    OUT is_replay boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_sale giftcards_cardsale;
    v_cards uuid[];
    v_refund_id constant uuid := gen_random_uuid();
    v_account_id uuid;
    v_contra_id uuid;
BEGIN
    SELECT * INTO v_sale FROM giftcards_cardsale WHERE id = p_sale_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no sale %', p_sale_id USING ERRCODE = 'GC111';
    END IF;
    used := 0;
    is_replay := v_sale.reversed_at IS NOT NULL;
    IF is_replay THEN
        RETURN;
    END IF;
    -- No SKIP LOCKED: what a redemption is just taking must be waited for to be known.
    SELECT array_agg(id) FILTER (WHERE status = 'available' AND disclosed_at IS NULL)
        INTO v_cards FROM (
            SELECT id, status, disclosed_at FROM giftcards_giftcard
            WHERE sale_id = p_sale_id ORDER BY id FOR UPDATE) sold;
    used := v_sale.quantity - coalesce(cardinality(v_cards), 0);
    IF used <> 0 THEN
        RETURN;
    END IF;
    UPDATE giftcards_giftcard SET pool_id = v_sale.master_pool_id, client_id = NULL, sale_id = NULL
        WHERE id = ANY (v_cards);
    INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, reason, at)
        SELECT id, 'available', 'available', p_actor, 'sold back: sale ' || p_sale_id,
            clock_timestamp()
        FROM unnest(v_cards) id;
    UPDATE giftcards_cardsale SET reversed_at = p_now, refund_id = v_refund_id
        WHERE id = p_sale_id;
    -- A split account paid from several slots, so with several entries.
    SELECT account_id INTO STRICT v_account_id FROM credit_sides(v_sale.transaction_id)
        WHERE amount_minor < 0;
    SELECT account_id INTO STRICT v_contra_id FROM credit_sides(v_sale.transaction_id)
        WHERE amount_minor > 0;
    PERFORM credit_transfer(v_refund_id, v_contra_id, v_account_id, v_sale.total_minor, 'refund',
        'sale:' || p_sale_id, 'refund:' || v_sale.transaction_id, v_sale.transaction_id, p_actor,
        'Sale reversed', p_now);
END
$$;
