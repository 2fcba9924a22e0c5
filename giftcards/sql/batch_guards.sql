-- An upload is written once; all that may happen to it is to be undone, and only when none of its
-- cards is left. So nobody reads "undone" of an upload whose cards somebody holds.
CREATE OR REPLACE FUNCTION giftcards_check_batch_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state = 'imported' AND NEW.state = 'undone'
        AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
        AND NOT EXISTS (SELECT 1 FROM giftcards_giftcard WHERE batch_id = OLD.id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'upload % can only be undone, once none of its cards is left', OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER giftcards_batch_is_undone_only BEFORE UPDATE ON giftcards_cardbatch
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION giftcards_check_batch_change();
