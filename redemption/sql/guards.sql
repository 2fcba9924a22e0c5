-- A card goes back to stock only together with the redemption that it was for: checked at
-- commit, when both are written.
CREATE OR REPLACE FUNCTION redemption_check_card_return() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM redemption_redemption
        WHERE id = OLD.holder_id AND card_id = OLD.id
            AND state IN ('issued', 'delivered', 'confirmed'))
    THEN
        RAISE EXCEPTION 'card % belongs to redemption %, which is issued', OLD.id, OLD.holder_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_keeps_its_card';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER redemption_keeps_its_card AFTER UPDATE ON giftcards_giftcard
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.holder_kind = 'redemption' AND NEW.status = 'available')
    EXECUTE FUNCTION redemption_check_card_return();

-- What may have been redeemed stays: a campaign's conditions are deleted only while it is a
-- draft, and switched off later.
CREATE OR REPLACE FUNCTION redemption_check_condition_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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

SELECT alerts_make_append_only('redemption_provisioningtrace');
