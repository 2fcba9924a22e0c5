-- The rest of the waterfall, reached only where no uploaded card is left: what was bought ahead,
-- then the provider. Returns the card, or which way one may be bought (state `provisioning`), or
-- that this has to wait. Raises GC003 where the campaign does not queue, GC004 where the pool
-- lives from a provider alone and nobody has set one up. Each step leaves its trace.
CREATE OR REPLACE FUNCTION redemption_look_further(
    p_redemption_id uuid,
    p_pool_id uuid,
    p_client_id uuid,
    p_denomination_id uuid,
    p_queues boolean,
    p_providers text[],
    p_request_id text,
    p_now timestamptz,
    OUT card giftcards_giftcard,
    OUT state text,
    OUT reason_code text,
    OUT route_pool_id uuid,
    OUT provider text,
    OUT provider_slug text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_bought_ahead record;
    v_route record;
    v_began_at timestamptz := clock_timestamp();
BEGIN
    PERFORM redemption_trace(p_request_id, p_redemption_id, 'claim_card', 'empty', 'GC-003',
        'uploaded cards', statement_timestamp(), p_now);
    SELECT * INTO v_bought_ahead FROM giftcards_provision_from_buffer(p_pool_id, p_client_id,
        p_denomination_id, 'redemption', p_redemption_id, p_now);
    card := v_bought_ahead.card;
    IF card.id IS NOT NULL THEN
        PERFORM redemption_trace(p_request_id, p_redemption_id, 'claim_card', 'ok', '',
            'bought ahead', v_began_at, p_now);
        state := 'issued';
        RETURN;
    END IF;
    IF v_bought_ahead.pools > 0 THEN
        PERFORM redemption_trace(p_request_id, p_redemption_id, 'claim_card', 'empty', 'GC-003',
            'bought ahead', v_began_at, p_now);
    END IF;

    v_began_at := clock_timestamp();
    SELECT * INTO v_route FROM giftcards_find_route(
        p_pool_id, p_client_id, p_denomination_id, p_providers, p_now);
    IF v_route.problem IS NULL THEN
        PERFORM redemption_trace(p_request_id, p_redemption_id, 'find_route', 'ok', '',
            v_route.provider, v_began_at, p_now);
        state := 'provisioning';
        -- Its words for who waits: the card is being prepared.
        reason_code := 'GC-005';
        route_pool_id := v_route.pool_id;
        provider := v_route.provider;
        provider_slug := v_route.provider_slug;
        RETURN;
    END IF;
    IF v_route.problem = 'not_configured' AND EXISTS (
        SELECT 1 FROM giftcards_pool
        WHERE id = v_route.pool_id AND purchase_method = 'api_only')
    THEN
        RAISE EXCEPTION 'pool % buys from a provider that is not set up', v_route.pool_id
            USING ERRCODE = 'GC004', DETAIL = jsonb_build_object(
                'pool_id', v_route.pool_id, 'client_id', p_client_id)::text;
    END IF;
    IF v_route.problem <> 'none_allowed' THEN
        PERFORM redemption_trace(p_request_id, p_redemption_id, 'find_route', v_route.problem,
            CASE v_route.problem WHEN 'not_configured' THEN 'GC-004' ELSE 'GC-005' END,
            coalesce(v_route.provider, ''), v_began_at, p_now);
    END IF;
    IF NOT p_queues THEN
        RAISE EXCEPTION 'no card anywhere' USING ERRCODE = 'GC003';
    END IF;
    state := 'waiting_stock';
    reason_code := 'GC-003';
END
$$;

-- Write down one step with the milliseconds since it began.
CREATE OR REPLACE FUNCTION redemption_trace(
    p_request_id text,
    p_redemption_id uuid,
    p_step text,
    p_status text,
    p_error_code text,
    p_message text,
    p_began_at timestamptz,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO redemption_provisioningtrace
        (request_id, redemption_id, step, status, error_code, message, milliseconds, at)
    VALUES (p_request_id, p_redemption_id, p_step, p_status, p_error_code, p_message,
        extract(epoch FROM clock_timestamp() - p_began_at) * 1000, p_now);
END
$$;
