-- Tell endpoints what became of a redemption: once for each change of its state, in the change's
-- own transaction. Tests are told to nobody.
--
-- In the hot path: where nobody listens it is one look at a table that is then empty.
CREATE OR REPLACE FUNCTION redemption_emit_webhooks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_before text := coalesce(OLD.state, '');
    v_agency_id uuid;
    v_data text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM alerts_webhookendpoint WHERE state <> 'disabled') THEN
        RETURN NULL;
    END IF;
    SELECT agency_id INTO v_agency_id FROM credit_client WHERE id = NEW.client_id;
    v_data := format('{"redemption_id": "%s", "campaign_id": "%s", "recipient_id": "%s", '
        '"state": "%%s", "reason": %s}', NEW.id, NEW.campaign_id, NEW.recipient_id,
        CASE WHEN NEW.reason_code = '' THEN 'null' ELSE to_json(NEW.reason_code)::text END);
    -- A card that is shown at once is issued and delivered in the same moment.
    IF NEW.state IN ('issued', 'delivered', 'confirmed')
        AND v_before NOT IN ('issued', 'delivered', 'confirmed')
    THEN
        PERFORM alerts_emit_webhook('redemption.issued', 'redemption.issued:' || NEW.id,
            NEW.client_id, v_agency_id, format(v_data, 'issued'), coalesce(NEW.issued_at, now()),
            NEW.request_id);
    END IF;
    IF NEW.state IN ('delivered', 'confirmed') AND v_before NOT IN ('delivered', 'confirmed') THEN
        PERFORM alerts_emit_webhook('redemption.delivered', 'redemption.delivered:' || NEW.id,
            NEW.client_id, v_agency_id, format(v_data, NEW.state),
            coalesce(NEW.delivered_at, now()), NEW.request_id);
    ELSIF NEW.state = 'failed' THEN
        PERFORM alerts_emit_webhook('redemption.failed', 'redemption.failed:' || NEW.id,
            NEW.client_id, v_agency_id, format(v_data, NEW.state), coalesce(NEW.failed_at, now()),
            NEW.request_id);
    ELSIF NEW.state LIKE 'waiting\_%' THEN
        -- It may come to wait for the same thing again, in another transaction.
        PERFORM alerts_emit_webhook('redemption.waiting',
            format('redemption.waiting:%s:%s:%s', NEW.id, NEW.state, pg_current_xact_id()),
            NEW.client_id, v_agency_id, format(v_data, NEW.state), now(), NEW.request_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER redemption_tell_begun AFTER INSERT ON redemption_redemption
    FOR EACH ROW WHEN (NOT NEW.is_test AND NEW.state <> 'provisioning')
    EXECUTE FUNCTION redemption_emit_webhooks();
CREATE OR REPLACE TRIGGER redemption_tell_changed AFTER UPDATE ON redemption_redemption
    FOR EACH ROW WHEN (NOT NEW.is_test AND NEW.state <> OLD.state)
    EXECUTE FUNCTION redemption_emit_webhooks();
