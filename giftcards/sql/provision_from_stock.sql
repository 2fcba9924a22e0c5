-- The first step of the waterfall: a card that is already ours. From the pool that is named, or
-- else from the client's pools of that value, then the platform's, then what was bought ahead.
-- A named pool must hold the value that is promised. Returns NULL when there is none.
CREATE OR REPLACE FUNCTION giftcards_provision_from_stock(
    p_pool_id uuid,
    p_client_id uuid,
    p_denomination_id uuid,
    p_holder_kind text,
    p_holder_id uuid,
    p_now timestamptz
) RETURNS giftcards_giftcard
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_pool_id uuid;
    v_card giftcards_giftcard;
BEGIN
    IF p_pool_id IS NOT NULL THEN
        SELECT id INTO v_pool_id FROM giftcards_pool
            WHERE id = p_pool_id AND denomination_id = p_denomination_id
                AND archived_at IS NULL AND purchase_method <> 'api_only'
                AND (client_id IS NULL OR client_id = p_client_id);
        IF FOUND THEN
            v_card := giftcards_claim_card(v_pool_id, p_holder_kind, p_holder_id, p_now);
        END IF;
        RETURN v_card;
    END IF;
    FOR v_pool_id IN
        SELECT id FROM giftcards_pool
        WHERE denomination_id = p_denomination_id AND archived_at IS NULL AND NOT reserved
            AND purchase_method <> 'api_only'
            AND (client_id IS NULL OR client_id = p_client_id)
        ORDER BY array_position(ARRAY['client', 'master', 'buffer'], kind::text), created_at, id
    LOOP
        v_card := giftcards_claim_card(v_pool_id, p_holder_kind, p_holder_id, p_now);
        EXIT WHEN v_card.id IS NOT NULL;
    END LOOP;
    RETURN v_card;
END
$$;
