-- An issued reward does not change hands: who got what for how much is written once.
CREATE OR REPLACE FUNCTION redemption_check_change() RETURNS trigger
LANGUAGE plpgsql AS $$
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
    RETURN NEW;
END
$$;

CREATE TRIGGER redemption_transition BEFORE UPDATE ON redemption_redemption
    FOR EACH ROW EXECUTE FUNCTION redemption_check_change();

-- What may have been redeemed stays: a campaign's conditions are deleted only while it is a
-- draft, and switched off later.
CREATE OR REPLACE FUNCTION redemption_check_condition_removal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM redemption_campaign
        WHERE id = OLD.campaign_id AND status <> 'draft')
        OR EXISTS (SELECT 1 FROM redemption_redemption
            WHERE campaign_id = OLD.campaign_id AND condition_id = OLD.id)
    THEN
        RAISE EXCEPTION 'condition % may have been redeemed: switch it off instead', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_condition_stays';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER redemption_condition_stays BEFORE DELETE ON redemption_condition
    FOR EACH ROW EXECUTE FUNCTION redemption_check_condition_removal();

CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_redemption
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_redemption
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
