-- An order's life, the same for the application, the admin, a shell and raw SQL:
--   requested → succeeded | failed | unknown
--   unknown → requested (a person sends it again) | succeeded | failed | reversed
--   succeeded → reversed, once its card is void
-- What it asks for never changes: the provider knows it by its request id, and the same id with
-- other content is refused there (708).
CREATE OR REPLACE FUNCTION giftcards_check_order_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.provider, NEW.request_id, NEW.provider_slug, NEW.denomination_id, NEW.pool_id,
        NEW.client_id, NEW.value_minor, NEW.currency, NEW.delivery_method, NEW.is_asynchronous,
        NEW.holder_kind, NEW.holder_id, NEW.hold_id, NEW.charge_minor, NEW.created_at, NEW.actor)
        IS DISTINCT FROM
        (OLD.id, OLD.provider, OLD.request_id, OLD.provider_slug, OLD.denomination_id, OLD.pool_id,
        OLD.client_id, OLD.value_minor, OLD.currency, OLD.delivery_method, OLD.is_asynchronous,
        OLD.holder_kind, OLD.holder_id, OLD.hold_id, OLD.charge_minor, OLD.created_at, OLD.actor)
        OR NEW.attempts < OLD.attempts
        OR OLD.card_id IS NOT NULL AND NEW.card_id IS DISTINCT FROM OLD.card_id
        OR OLD.first_sent_at IS NOT NULL AND NEW.first_sent_at IS DISTINCT FROM OLD.first_sent_at
    THEN
        RAISE EXCEPTION 'what order % asks for, and what it bought, never changes', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_order_stays';
    END IF;
    IF OLD.state <> NEW.state AND NOT (
        OLD.state = 'requested' AND NEW.state IN ('succeeded', 'failed', 'unknown')
        OR OLD.state = 'unknown' AND NEW.state IN ('requested', 'succeeded', 'failed', 'reversed')
        OR OLD.state = 'succeeded' AND NEW.state = 'reversed' AND EXISTS (
            SELECT 1 FROM giftcards_giftcard c WHERE c.id = OLD.card_id AND c.status = 'void'))
    THEN
        RAISE EXCEPTION 'order % can not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_order_transition';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER giftcards_order_transition BEFORE UPDATE ON giftcards_providerorder
    FOR EACH ROW EXECUTE FUNCTION giftcards_check_order_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON giftcards_providerorder
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON giftcards_providerorder
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- A holder may buy again once its card is gone: then alone, which only the card can tell.
CREATE OR REPLACE FUNCTION giftcards_note_card_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE giftcards_providerorder o SET card_gone_at = clock_timestamp()
        WHERE o.card_id = OLD.id AND o.card_gone_at IS NULL
            AND (o.holder_kind, o.holder_id) = (OLD.holder_kind, OLD.holder_id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER giftcards_card_leaves_its_order AFTER UPDATE ON giftcards_giftcard
    FOR EACH ROW WHEN (OLD.source = 'api' AND OLD.holder_id IS NOT NULL
        AND OLD.status <> 'void' AND NEW.status IN ('void', 'available'))
    EXECUTE FUNCTION giftcards_note_card_gone();

CREATE OR REPLACE FUNCTION giftcards_refuse_card_gone() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'that the card of order % is gone is the card''s to say', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_order_card_gone';
END
$$;

CREATE OR REPLACE TRIGGER giftcards_order_card_gone BEFORE UPDATE ON giftcards_providerorder
    FOR EACH ROW WHEN (OLD.card_gone_at IS DISTINCT FROM NEW.card_gone_at)
    EXECUTE FUNCTION giftcards_refuse_card_gone();

-- Note [Money of an order]
-- The hold of an order that is alive stays; of one that bought it was captured, of one that did
-- not it was released. Asked at commit, from both sides: when the order changes its state, and
-- when anybody settles the hold.
CREATE OR REPLACE FUNCTION giftcards_check_order_money(p_hold_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_order record;
    v_settled_as text;
BEGIN
    SELECT o.id, o.state, o.card_id INTO v_order
        FROM giftcards_providerorder o WHERE o.hold_id = p_hold_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT t.kind INTO v_settled_as FROM credit_transaction t WHERE t.settles_id = p_hold_id;
    IF v_settled_as IS DISTINCT FROM (CASE
        WHEN v_order.state IN ('requested', 'unknown') THEN NULL
        WHEN v_order.card_id IS NOT NULL THEN 'capture'
        ELSE 'release' END)
    THEN
        RAISE EXCEPTION 'order % is %, but its hold %', v_order.id, v_order.state,
            coalesce('was settled by a ' || v_settled_as, 'is still open')
            USING ERRCODE = 'check_violation', CONSTRAINT = 'giftcards_order_settles_its_hold';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION giftcards_check_order_settled() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM giftcards_check_order_money(NEW.hold_id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION giftcards_check_hold_settled() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM giftcards_check_order_money(NEW.settles_id);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS giftcards_order_settles_its_hold ON giftcards_providerorder;
CREATE CONSTRAINT TRIGGER giftcards_order_settles_its_hold
    AFTER UPDATE ON giftcards_providerorder DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.hold_id IS NOT NULL AND OLD.state <> NEW.state)
    EXECUTE FUNCTION giftcards_check_order_settled();
DROP TRIGGER IF EXISTS giftcards_order_hold_is_settled ON credit_transaction;
CREATE CONSTRAINT TRIGGER giftcards_order_hold_is_settled
    AFTER INSERT ON credit_transaction DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.settles_id IS NOT NULL AND NEW.kind IN ('capture', 'release', 'card_sale'))
    EXECUTE FUNCTION giftcards_check_hold_settled();

-- What was asked and answered is a fact.
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON giftcards_providerorderevent
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON giftcards_providerorderevent
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- Note [Row-level security]: a client and its agency read about what is bought for them. What
-- the platform's suppliers tell it is its own.
SELECT credit_show_where('giftcards_providerorder',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])', 'SELECT');
SELECT credit_show_where('giftcards_providerorderevent',
    'EXISTS (SELECT 1 FROM giftcards_providerorder o WHERE o.id = order_id)', 'SELECT');
SELECT credit_show_where('giftcards_providercircuit', 'false', 'SELECT');
SELECT credit_show_where('giftcards_providerfloat', 'false', 'SELECT');
SELECT credit_show_where('giftcards_providerbrand', 'false', 'SELECT');
