-- Note [Consent]
-- An opt-out is the person's word, and only the person's own word ends it: nobody asks them
-- again, and nobody answers for them. What has been granted is not asked for.
CREATE OR REPLACE FUNCTION sms_check_opt_in_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.client_id, NEW.phone) IS DISTINCT FROM (OLD.client_id, OLD.phone)
        OR NEW.state <> OLD.state AND (
            NEW.state = 'none'
            OR NEW.state = 'requested' AND OLD.state <> 'none'
            OR OLD.state = 'revoked' AND NEW.actor <> 'recipient')
    THEN
        RAISE EXCEPTION 'opt-in % can not go from % to % by %',
            OLD.id, OLD.state, NEW.state, NEW.actor
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'sms_optin_transition';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS sms_optin_transition ON sms_optin;
CREATE TRIGGER sms_optin_transition BEFORE UPDATE ON sms_optin
    FOR EACH ROW EXECUTE FUNCTION sms_check_opt_in_change();
DROP TRIGGER IF EXISTS refuse_removal ON sms_optin;
CREATE TRIGGER refuse_removal BEFORE DELETE ON sms_optin
    FOR EACH ROW WHEN (OLD.state = 'revoked') EXECUTE FUNCTION alerts_refuse_change();

-- The proof of every step stays, whoever made it and by whatever way.
CREATE OR REPLACE FUNCTION sms_keep_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO sms_consentevent (client_id, phone, state, text_shown, way, actor, reason, at)
    VALUES (NEW.client_id, NEW.phone, NEW.state, NEW.text_shown, NEW.way, NEW.actor, NEW.reason,
        NEW.changed_at);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS sms_optin_is_kept ON sms_optin;
CREATE TRIGGER sms_optin_is_kept AFTER INSERT OR UPDATE ON sms_optin
    FOR EACH ROW EXECUTE FUNCTION sms_keep_consent();

SELECT alerts_make_append_only('sms_consentevent');

-- Which rows a tenant sees: Note [Row-level security].
SELECT credit_show_to_client('sms_inboundmessage');
SELECT credit_show_to_client('sms_consentevent');
-- That a number is bad is known to who has texted it.
SELECT credit_show_where('sms_phonehealth',
    'EXISTS (SELECT 1 FROM sms_message m WHERE m."to" = phone)');
