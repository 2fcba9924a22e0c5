-- Note [Exchange]
-- A card that is exchanged for another of the same worth is charged once and costs twice: what
-- the redemption cost is then the sum of all its cards, so that the margin says what was earned.
-- Where one of them is not known, neither is the sum. The one other thing that may change: a card
-- that its client had bought comes in the place of one that was charged. It is paid already, so
-- the charge is given back, and from then on the redemption is one that was paid by the sale.
CREATE OR REPLACE FUNCTION redemption_is_exchange(
    p_old redemption_redemption, p_new redemption_redemption
) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN p_old.state IN ('issued', 'delivered', 'confirmed') AND p_new.card_id <> p_old.card_id
        AND (p_new.face_value_minor, p_new.currency, p_new.is_test)
            IS NOT DISTINCT FROM (p_old.face_value_minor, p_old.currency, p_old.is_test)
        AND EXISTS (
            SELECT 1 FROM giftcards_giftcard c JOIN giftcards_pool p ON p.id = c.pool_id
            WHERE c.id = p_new.card_id
                AND p_new.cost_minor IS NOT DISTINCT FROM p_old.cost_minor
                    + coalesce(c.cost_minor, p.cost_per_card_minor)
                AND ((p_new.charged_minor, p_new.transaction_id)
                        IS NOT DISTINCT FROM (p_old.charged_minor, p_old.transaction_id)
                    OR c.sale_id IS NOT NULL AND p_new.charged_minor = 0
                        AND p_new.transaction_id IS NULL));
END
$$;

-- An issued reward does not change hands: who got what for how much is written once.
CREATE OR REPLACE FUNCTION redemption_check_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.recipient_id, NEW.condition_id, NEW.client_id, NEW.campaign_id, NEW.code_age_hours)
        <> (OLD.recipient_id, OLD.condition_id, OLD.client_id, OLD.campaign_id, OLD.code_age_hours)
    THEN
        RAISE EXCEPTION 'redemption % belongs to its recipient and condition', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('issued', 'delivered', 'confirmed')
        AND NEW.state NOT IN ('issued', 'delivered', 'confirmed', 'cancelled', 'failed')
        OR OLD.state = 'cancelled' AND NEW.state <> 'cancelled'
    THEN
        RAISE EXCEPTION 'redemption % can not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_transition';
    END IF;
    -- Also once it is cancelled or has failed: a refund is a movement of its own.
    IF (OLD.state IN ('issued', 'delivered', 'confirmed')
            OR OLD.state IN ('cancelled', 'failed') AND OLD.charged_minor IS NOT NULL)
        AND (NEW.face_value_minor, NEW.cost_minor, NEW.charged_minor, NEW.currency,
            NEW.transaction_id, NEW.is_test)
            IS DISTINCT FROM
            (OLD.face_value_minor, OLD.cost_minor, OLD.charged_minor, OLD.currency,
            OLD.transaction_id, OLD.is_test)
        AND redemption_is_exchange(OLD, NEW) IS NOT TRUE
    THEN
        RAISE EXCEPTION 'what redemption % is worth, cost and was charged never changes', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_facts';
    END IF;
    IF NEW.card_id IS DISTINCT FROM OLD.card_id AND NEW.card_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM giftcards_giftcard
        WHERE id = NEW.card_id AND holder_kind = 'redemption' AND holder_id = NEW.id)
    THEN
        RAISE EXCEPTION 'card % is not held by redemption %', NEW.card_id, NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_holds_its_card';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER redemption_transition BEFORE UPDATE ON redemption_redemption
    FOR EACH ROW EXECUTE FUNCTION redemption_check_change();
