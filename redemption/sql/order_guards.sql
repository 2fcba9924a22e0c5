-- A redemption is being prepared, or unconfirmed, exactly while an order for it is alive: so
-- nothing is bought for somebody who was given up on, and nobody waits for an order that has
-- ended. Whose card is being replaced keeps their state. Asked at commit, from both sides.
CREATE OR REPLACE FUNCTION redemption_check_order(p_redemption_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_state text;
    v_is_alive boolean;
BEGIN
    SELECT state INTO v_state FROM redemption_redemption WHERE id = p_redemption_id;
    v_is_alive := EXISTS (SELECT 1 FROM giftcards_providerorder
        WHERE holder_kind = 'redemption' AND holder_id = p_redemption_id
            AND state IN ('requested', 'unknown'));
    IF v_state NOT IN ('issued', 'delivered', 'confirmed')
        AND v_is_alive <> (v_state IN ('provisioning', 'unconfirmed'))
    THEN
        RAISE EXCEPTION 'redemption % is %, but its order is %', p_redemption_id, v_state,
            CASE WHEN v_is_alive THEN 'alive' ELSE 'none or has ended' END
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_fits_its_order';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION redemption_check_own_order() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM redemption_check_order(NEW.id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION redemption_check_order_of_holder() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM redemption_check_order(NEW.holder_id);
    RETURN NULL;
END
$$;

-- Two triggers, since one for both would be called in the hot path to find nothing to do.
DROP TRIGGER IF EXISTS redemption_begins_with_its_order ON redemption_redemption;
CREATE CONSTRAINT TRIGGER redemption_begins_with_its_order
    AFTER INSERT ON redemption_redemption DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IN ('provisioning', 'unconfirmed'))
    EXECUTE FUNCTION redemption_check_own_order();
DROP TRIGGER IF EXISTS redemption_fits_its_order ON redemption_redemption;
CREATE CONSTRAINT TRIGGER redemption_fits_its_order
    AFTER UPDATE ON redemption_redemption DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (NEW.state IN ('provisioning', 'unconfirmed')
        OR OLD.state IN ('provisioning', 'unconfirmed')))
    EXECUTE FUNCTION redemption_check_own_order();
DROP TRIGGER IF EXISTS redemption_order_fits_its_holder ON giftcards_providerorder;
CREATE CONSTRAINT TRIGGER redemption_order_fits_its_holder
    AFTER INSERT OR UPDATE ON giftcards_providerorder DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.holder_kind = 'redemption')
    EXECUTE FUNCTION redemption_check_order_of_holder();
