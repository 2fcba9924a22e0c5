-- An issued reward does not change hands: who got what for how much is written once.
CREATE OR REPLACE FUNCTION redemption_check_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.recipient_id, NEW.condition_id, NEW.client_id, NEW.campaign_id)
        <> (OLD.recipient_id, OLD.condition_id, OLD.client_id, OLD.campaign_id)
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
