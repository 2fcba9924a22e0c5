-- What became of a file of people is written once. All that may happen to it later is that an
-- import is undone, and only when nobody of it is left: so nobody reads "undone" of an upload
-- whose codes somebody holds. It is never removed: an answered Idempotency-Key leads to it.
CREATE OR REPLACE FUNCTION redemption_check_recipient_batch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state IN ('imported', 'refused') AND (NEW.state = 'imported') = (NEW.accepted > 0)
            AND EXISTS (SELECT 1 FROM redemption_campaign c
                WHERE c.id = NEW.campaign_id AND c.client_id = NEW.client_id)
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'upload % must begin imported or refused, and be the client''s whose the '
            'campaign is', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'imported' AND NEW.state = 'undone'
        AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
        AND NOT EXISTS (SELECT 1 FROM redemption_recipient WHERE batch_id = OLD.id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'upload % stays, and can only be undone, once nobody of it is left', OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER redemption_recipientbatch_begins BEFORE INSERT
    ON redemption_recipientbatch FOR EACH ROW
    EXECUTE FUNCTION redemption_check_recipient_batch();
CREATE OR REPLACE TRIGGER redemption_recipientbatch_is_undone_only BEFORE UPDATE OR DELETE
    ON redemption_recipientbatch FOR EACH ROW
    EXECUTE FUNCTION redemption_check_recipient_batch();

SELECT credit_show_to_client('redemption_recipientbatch');
