-- Note [Only forward]
-- What the provider says comes late, twice and out of order. A message's state only moves
-- forward, whoever writes it: an end is an end, and a later report of an earlier state is kept
-- as a StatusEvent and changes nothing.
CREATE OR REPLACE FUNCTION sms_state_rank(p_state text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_state
        WHEN 'queued' THEN 0 WHEN 'sending' THEN 1 WHEN 'unknown' THEN 2 WHEN 'accepted' THEN 3
        WHEN 'sent' THEN 4 WHEN 'undelivered' THEN 5 WHEN 'failed' THEN 5
        WHEN 'suppressed' THEN 6 WHEN 'cancelled' THEN 6
        WHEN 'delivered' THEN 7 WHEN 'manually_delivered' THEN 7 END
$$;

CREATE OR REPLACE FUNCTION sms_check_message_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- A try that failed goes back to the queue until its tries are used up.
    IF sms_state_rank(NEW.state) <= sms_state_rank(OLD.state)
        AND NOT (NEW.state = 'queued' AND OLD.state IN
            ('sending', 'unknown', 'accepted', 'sent', 'undelivered', 'failed'))
        AND NOT (NEW.state = 'sending' AND OLD.state IN ('undelivered', 'failed', 'unknown'))
    THEN
        RAISE EXCEPTION 'message % can not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'sms_message_only_forward';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER sms_message_only_forward BEFORE UPDATE OF state ON sms_message
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION sms_check_message_change();

SELECT alerts_make_append_only('sms_statusevent');

-- The delivery log: an attempt is completed, never removed.
CREATE TRIGGER refuse_removal BEFORE DELETE ON sms_deliveryattempt
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON sms_deliveryattempt
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
