-- Note [Stock]
-- What is already ours goes first: the pool that is named, or else the client's pools of that
-- value and then the platform's; then what was bought ahead. What lies in a pool goes to whoever
-- may use it, also where the pool buys from a provider only: it came back from somebody. Cards
-- bought ahead are the provider's like those bought on the spot, so a pool that is for uploaded
-- cards only gets none of them. giftcards/selectors/stock.py reads by the same rule.

-- Claim an uploaded card. A named pool must hold the value that is promised. NULL: there is none.
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
                AND archived_at IS NULL AND (client_id IS NULL OR client_id = p_client_id);
        IF FOUND THEN
            v_card := giftcards_claim_card(v_pool_id, p_holder_kind, p_holder_id, p_now);
        END IF;
        RETURN v_card;
    END IF;
    FOR v_pool_id IN
        SELECT id FROM giftcards_pool
        WHERE denomination_id = p_denomination_id AND archived_at IS NULL AND NOT reserved
            AND kind <> 'buffer' AND (client_id IS NULL OR client_id = p_client_id)
        ORDER BY array_position(ARRAY['client', 'master'], kind::text), created_at, id
    LOOP
        v_card := giftcards_claim_card(v_pool_id, p_holder_kind, p_holder_id, p_now);
        EXIT WHEN v_card.id IS NOT NULL;
    END LOOP;
    RETURN v_card;
END
$$;

-- Claim a card that was bought ahead, where the pools above left nobody one.
--
-- Returns how many pools were looked into, since "none was empty" is not "there is none".
CREATE OR REPLACE FUNCTION giftcards_provision_from_buffer(
    p_pool_id uuid,
    p_client_id uuid,
    p_denomination_id uuid,
    p_holder_kind text,
    p_holder_id uuid,
    p_now timestamptz,
    OUT card giftcards_giftcard,
    OUT pools integer
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_pool_id uuid;
    v_is_allowed boolean;
BEGIN
    pools := 0;
    -- A named pool that nobody may use allows nothing; with no pool at all nothing is forbidden.
    SELECT coalesce(bool_or(purchase_method <> 'csv_only'), p_pool_id IS NULL) INTO v_is_allowed
        FROM giftcards_pool
        WHERE denomination_id = p_denomination_id AND archived_at IS NULL
            AND (client_id IS NULL OR client_id = p_client_id)
            AND CASE WHEN p_pool_id IS NULL THEN NOT reserved AND kind <> 'buffer'
                ELSE id = p_pool_id END;
    IF NOT v_is_allowed THEN
        RETURN;
    END IF;
    FOR v_pool_id IN
        SELECT id FROM giftcards_pool
        WHERE denomination_id = p_denomination_id AND archived_at IS NULL AND NOT reserved
            AND kind = 'buffer' AND id IS DISTINCT FROM p_pool_id
        ORDER BY created_at, id
    LOOP
        pools := pools + 1;
        card := giftcards_claim_card(v_pool_id, p_holder_kind, p_holder_id, p_now);
        EXIT WHEN card.id IS NOT NULL;
    END LOOP;
END
$$;
