-- Note [Disclosure]
-- Somebody is about to see this card's code. The mark is committed before the code leaves the
-- database's side of the house, because from then on the card can never go back to stock.
-- Being shown is also being delivered. Safe to repeat. Returns the card, NULL when it is void
-- or not held.
CREATE OR REPLACE FUNCTION giftcards_disclose_card(
    p_card_id uuid,
    p_now timestamptz
) RETURNS giftcards_giftcard
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_card giftcards_giftcard;
BEGIN
    -- Not `status = 'claimed'`, which would invite the planner to the index of claimed cards,
    -- where thousands of dead entries lie; by its id the card is found at once.
    UPDATE giftcards_giftcard
        SET status = CASE status WHEN 'claimed' THEN 'delivered' ELSE status END,
            disclosed_at = coalesce(disclosed_at, p_now),
            delivered_at = coalesce(delivered_at, p_now)
        WHERE id = p_card_id AND status IN ('claimed', 'delivered', 'redeemed')
            AND (disclosed_at IS NULL OR delivered_at IS NULL)
        RETURNING * INTO v_card;
    IF FOUND THEN
        RETURN v_card;
    END IF;
    SELECT * INTO v_card FROM giftcards_giftcard
        WHERE id = p_card_id AND status IN ('delivered', 'redeemed');
    RETURN v_card;
END
$$;
