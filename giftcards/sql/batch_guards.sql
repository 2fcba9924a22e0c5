-- A small upload is written once, as what became of it. A large one goes its way, forward only:
--   receiving → checking → previewed → importing → imported
-- and from each but the last to stopped, failed or refused. What it was and who sent it never
-- changes. After its end all that may happen to it is that an import is undone, and only when
-- none of its cards is left: so nobody reads "undone" of an upload whose cards somebody holds.
CREATE OR REPLACE FUNCTION giftcards_check_batch_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_figures constant text[] := '{state,file_hash,rows,accepted,rejected,rejects}';
BEGIN
    IF OLD.state = 'imported' AND NEW.state = 'undone'
        AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
        AND NOT EXISTS (SELECT 1 FROM giftcards_giftcard WHERE batch_id = OLD.id)
    THEN
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - v_figures = to_jsonb(OLD) - v_figures AND (
        OLD.state = 'receiving' AND NEW.state IN ('checking', 'stopped', 'failed')
        OR OLD.file_hash = NEW.file_hash AND (
            OLD.state = 'checking' AND NEW.state IN ('previewed', 'stopped', 'failed')
            OR OLD.state = 'previewed' AND NEW.state IN ('importing', 'stopped')
            OR OLD.state = 'importing' AND NEW.state IN ('imported', 'refused', 'stopped', 'failed')
        )
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'upload % goes forward only, and can then only be undone, once none of its '
        'cards is left', OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER giftcards_batch_is_undone_only BEFORE UPDATE ON giftcards_cardbatch
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION giftcards_check_batch_change();
