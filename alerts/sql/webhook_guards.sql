-- An organisation, or the platform, has at most 20 endpoints: every event is a row for each that
-- wants it. Who adds one waits for the others of the same owner, for else two at once would each
-- count what was there before the other.
-- With its owner's rights: what is out of the caller's sight counts too.
CREATE OR REPLACE FUNCTION alerts_webhook_owner_has_room() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('alerts_webhookendpoint:'
        || coalesce(coalesce(NEW.client_id, NEW.agency_id)::text, 'platform'), 0));
    IF (SELECT count(*) FROM alerts_webhookendpoint e
        WHERE e.id <> NEW.id AND e.client_id IS NOT DISTINCT FROM NEW.client_id
            AND e.agency_id IS NOT DISTINCT FROM NEW.agency_id) >= 20
    THEN
        RAISE EXCEPTION 'an organisation has at most 20 webhook endpoints'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'alerts_webhook_owner_has_room';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER alerts_webhook_owner_has_room
    BEFORE INSERT OR UPDATE OF client_id, agency_id ON alerts_webhookendpoint
    FOR EACH ROW EXECUTE FUNCTION alerts_webhook_owner_has_room();
