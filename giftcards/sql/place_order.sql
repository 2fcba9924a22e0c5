-- Order a card at a provider: the order, due at once, and the hold that pays for it. Nothing is
-- sent here: workers do that, after the commit. Part of the caller's transaction, which has locked
-- the holder; the account comes last, as in Note [Lock order].
--
-- Without a holder the card is for the pool itself. The whole charge is held of the first account
-- that covers it; a charge of 0 holds nothing. The order's id at the provider hangs on its own.
-- Raises GC006 when no account can pay, GC008 when the last keeps another currency; a second order
-- for a holder whose first is alive violates giftcards_order_one_alive_per_holder.
CREATE OR REPLACE FUNCTION giftcards_place_order(
    p_order_id uuid,
    p_pool_id uuid,
    p_denomination_id uuid,
    p_client_id uuid,
    p_provider text,
    p_provider_slug text,
    p_holder_kind text,
    p_holder_id uuid,
    p_account_ids uuid[],
    p_charge_minor bigint,
    p_currency text,
    p_actor text,
    p_request_id text,
    p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_value_minor bigint;
    v_hold_id uuid;
    v_account_id uuid;
    v_sold record;
BEGIN
    SELECT d.value_minor INTO v_value_minor FROM giftcards_denomination d
        JOIN giftcards_pool p ON p.denomination_id = d.id AND p.id = p_pool_id
        WHERE d.id = p_denomination_id AND d.currency = p_currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'pool % does not hold that value', p_pool_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF p_charge_minor > 0 THEN
        v_hold_id := gen_random_uuid();
    END IF;
    -- How the brand is sold, as far as the provider told us.
    SELECT b.is_asynchronous,
            NOT 'code' = ANY (b.delivery_methods) AND 'url' = ANY (b.delivery_methods) AS by_url
        INTO v_sold FROM giftcards_providerbrand b
        WHERE b.provider = p_provider AND b.slug = p_provider_slug;
    INSERT INTO giftcards_providerorder
        (id, provider, request_id, provider_slug, denomination_id, pool_id, client_id, value_minor,
         currency, delivery_method, is_asynchronous, holder_kind, holder_id, hold_id, charge_minor,
         state, next_attempt_at, trace_id, actor, created_at)
    VALUES (p_order_id, p_provider, 'gl-' || replace(p_order_id::text, '-', ''), p_provider_slug,
        p_denomination_id, p_pool_id, p_client_id, v_value_minor, p_currency,
        CASE WHEN v_sold.by_url THEN 'url' ELSE 'code' END, coalesce(v_sold.is_asynchronous, false),
        p_holder_kind, p_holder_id, v_hold_id, p_charge_minor, 'requested', p_now,
        coalesce(p_request_id, ''), p_actor, p_now);
    IF v_hold_id IS NULL THEN
        RETURN p_order_id;
    END IF;
    FOREACH v_account_id IN ARRAY p_account_ids LOOP
        IF v_account_id IS NOT NULL AND credit_debit_account(v_hold_id, v_account_id,
            p_charge_minor, p_currency, 'hold', 'held', 'order:' || p_order_id, p_actor, p_now)
            IS NOT NULL
        THEN
            RETURN p_order_id;
        END IF;
    END LOOP;
    IF NOT EXISTS (
        SELECT 1 FROM credit_account WHERE id = v_account_id AND currency = p_currency)
    THEN
        RAISE EXCEPTION 'account % is not kept in %', v_account_id, p_currency
            USING ERRCODE = 'GC008';
    END IF;
    RAISE EXCEPTION 'account % can not pay %', v_account_id, p_charge_minor
        USING ERRCODE = 'GC006', DETAIL = jsonb_build_object(
            'account_id', v_account_id, 'amount_minor', p_charge_minor)::text;
END
$$;
