-- CRM events: what came in stays as it came, and what became of it can only get better.
--
-- An event that has its reward keeps it. What was received is never removed, since it is what a
-- repeat is told from; its body may be emptied, and written anew under another key.
CREATE OR REPLACE FUNCTION redemption_check_event_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.source_id, NEW.client_id, NEW.event_id, NEW.signature, NEW.body_digest,
            NEW.received_at)
        IS DISTINCT FROM (OLD.id, OLD.source_id, OLD.client_id, OLD.event_id, OLD.signature,
            OLD.body_digest, OLD.received_at)
        -- Each outcome is a try, and each try is written down by redemption_event_is_kept.
        OR NEW.tries NOT IN (OLD.tries, OLD.tries + 1)
        OR NEW.tries = OLD.tries AND (NEW.outcome, NEW.problem, NEW.error_code, NEW.redemption_id)
            IS DISTINCT FROM (OLD.outcome, OLD.problem, OLD.error_code, OLD.redemption_id)
        OR NEW.outcome = 'received' AND OLD.outcome <> 'received'
        OR OLD.outcome IN ('issued', 'waiting', 'already_redeemed') AND NEW.tries <> OLD.tries
        OR OLD.outcome = 'provisioning' AND (NEW.redemption_id <> OLD.redemption_id
            OR NEW.outcome NOT IN ('provisioning', 'issued', 'waiting', 'refused'))
    THEN
        RAISE EXCEPTION 'event % can not go from % to %', OLD.id, OLD.outcome, NEW.outcome
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_event_transition';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS redemption_event_transition ON redemption_inboundevent;
CREATE TRIGGER redemption_event_transition BEFORE UPDATE ON redemption_inboundevent
    FOR EACH ROW EXECUTE FUNCTION redemption_check_event_change();

CREATE OR REPLACE FUNCTION redemption_keep_event_try() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO redemption_eventtry
        (event_id, outcome, problem, details, error_code, redemption_id, actor, at)
    VALUES (NEW.id, NEW.outcome, NEW.problem, NEW.details, NEW.error_code, NEW.redemption_id,
        NEW.actor, coalesce(NEW.processed_at, clock_timestamp()));
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS redemption_event_is_kept ON redemption_inboundevent;
CREATE TRIGGER redemption_event_is_kept AFTER UPDATE ON redemption_inboundevent
    FOR EACH ROW WHEN (NEW.tries <> OLD.tries) EXECUTE FUNCTION redemption_keep_event_try();

CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_inboundevent
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_inboundevent
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
SELECT alerts_make_append_only('redemption_eventtry');

-- Which rows a tenant sees: Note [Row-level security].
SELECT credit_show_to_client('redemption_inboundevent');
SELECT credit_show_where('redemption_eventtry', 'EXISTS ('
    'SELECT 1 FROM redemption_inboundevent e WHERE e.id = redemption_eventtry.event_id)', 'SELECT');
