-- Note [Calls]
-- An agent has one open call, and of all open calls with one recipient one holds them (both are
-- unique indexes). A call that has ended is a fact: how the day went, and what was promised. Only
-- what it says of a person may be taken out of it, when they are to be forgotten.
CREATE OR REPLACE FUNCTION redemption_check_call() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.agent_id, NEW.started_at) IS DISTINCT FROM (OLD.id, OLD.agent_id, OLD.started_at)
        OR NEW.continues_id IS DISTINCT FROM OLD.continues_id
    THEN
        RAISE EXCEPTION 'call % keeps its agent and its beginning', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_call_stays';
    END IF;
    IF OLD.ended_at IS NOT NULL AND (
        to_jsonb(NEW) - 'caller' - 'notes' IS DISTINCT FROM to_jsonb(OLD) - 'caller' - 'notes'
        OR NEW.caller NOT IN ('', OLD.caller) OR NEW.notes NOT IN ('', OLD.notes))
    THEN
        RAISE EXCEPTION 'call % has ended', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_call_stays';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS redemption_call_stays ON redemption_callsession;
CREATE TRIGGER redemption_call_stays BEFORE UPDATE ON redemption_callsession
    FOR EACH ROW EXECUTE FUNCTION redemption_check_call();

-- What an agent has vouched for stays as it was said; it is joined, once, to the reward that was
-- given for it.
CREATE OR REPLACE FUNCTION redemption_check_condition_met() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.redemption_id IS NULL AND NEW.redemption_id IS NOT NULL
        AND to_jsonb(NEW) - 'redemption_id' - 'card_id'
            = to_jsonb(OLD) - 'redemption_id' - 'card_id'
        AND EXISTS (SELECT 1 FROM redemption_redemption r
            WHERE r.id = NEW.redemption_id AND r.recipient_id = NEW.recipient_id
                AND r.condition_id = NEW.condition_id
                AND (NEW.card_id IS NULL OR NEW.card_id = r.card_id))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was vouched for in % stays as it was said', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_condition_met_stays';
END
$$;

DROP TRIGGER IF EXISTS redemption_condition_met_stays ON redemption_conditionmet;
CREATE TRIGGER redemption_condition_met_stays BEFORE UPDATE ON redemption_conditionmet
    FOR EACH ROW EXECUTE FUNCTION redemption_check_condition_met();

CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_callsession
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_callsession
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_conditionmet
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_conditionmet
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- Note [Row-level security]. A call of nobody known is its agent's and the platform's.
SELECT credit_show_to_client('redemption_callsession');
SELECT credit_show_to_client('redemption_conditionmet');

-- Finding people by their names, as they come to an agent's ear. The policies of the recipients
-- would be asked of every row before the index of names may be used, so this has its owner's
-- rights and is told whose people: NULL means everybody's. Names are compared without regard to
-- case, the last name from its beginning and the first name likewise. Each client's names are read
-- in the index's own order, so that the common ones cost no more than the rare.
DROP INDEX IF EXISTS redemption_recipient_by_name;
CREATE INDEX IF NOT EXISTS redemption_recipient_people ON redemption_recipient
    (client_id, lower(last_name) text_pattern_ops, lower(first_name) text_pattern_ops)
    WHERE last_name <> '';

CREATE OR REPLACE FUNCTION redemption_find_people(
    p_clients uuid[], p_last_name text, p_first_name text, p_limit integer
) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_last text := replace(replace(replace(lower(p_last_name), '\', '\\'), '%', '\%'), '_', '\_');
    v_first text := replace(replace(replace(lower(p_first_name), '\', '\\'), '%', '\%'), '_', '\_');
BEGIN
    -- Written out, since only a pattern that is known when it is planned can use the index.
    RETURN QUERY EXECUTE format(
        'SELECT found.id FROM credit_client c CROSS JOIN LATERAL ('
        ' SELECT r.id, lower(r.last_name) AS last_name, lower(r.first_name) AS first_name'
        ' FROM redemption_recipient r WHERE r.client_id = c.id AND r.last_name <> '''''
        ' AND lower(r.last_name) LIKE %1$L AND lower(r.first_name) LIKE %2$L'
        ' ORDER BY lower(r.last_name) USING ~<~, lower(r.first_name) USING ~<~ LIMIT %3$s'
        ') found WHERE $1 IS NULL OR c.id = ANY ($1)'
        ' ORDER BY found.last_name, found.first_name, found.id LIMIT %3$s',
        v_last || '%', v_first || '%', p_limit)
        USING p_clients;
END
$$;
