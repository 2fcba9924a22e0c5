-- A card's life, the same for the application, the admin, a shell and raw SQL:
--   available → claimed → delivered → redeemed
--   available → expired;  claimed or delivered → available, only while no one may have seen the
--   code: a text with a link that was never opened shows none (who holds the card sees to it that
--   the link is dead)
--   claimed → quarantined → claimed (by the same holder);  anything → void
CREATE OR REPLACE FUNCTION giftcards_check_card_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.brand_id <> OLD.brand_id OR NEW.code_digest <> OLD.code_digest
        OR NEW.value_minor <> OLD.value_minor OR NEW.currency <> OLD.currency
    THEN
        RAISE EXCEPTION 'what card % is worth and where it is from never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.disclosed_at IS NOT NULL AND NEW.disclosed_at IS DISTINCT FROM OLD.disclosed_at THEN
        RAISE EXCEPTION 'card % was disclosed, which can not be taken back', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        IF (NEW.holder_kind, NEW.holder_id) IS DISTINCT FROM (OLD.holder_kind, OLD.holder_id) THEN
            RAISE EXCEPTION 'card % can not pass from one holder to another', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (
        NEW.status = 'void'
        OR OLD.status = 'available' AND NEW.status IN ('claimed', 'expired')
        OR OLD.status = 'claimed' AND NEW.status IN ('delivered', 'quarantined')
        OR OLD.status = 'delivered' AND NEW.status = 'redeemed'
        OR OLD.status IN ('claimed', 'delivered') AND NEW.status = 'available'
            AND OLD.disclosed_at IS NULL
        OR OLD.status = 'quarantined' AND NEW.status = 'claimed'
    ) OR (
        NOT (OLD.status = 'available' AND NEW.status = 'claimed') AND NEW.status <> 'available'
        AND (NEW.holder_kind, NEW.holder_id) IS DISTINCT FROM (OLD.holder_kind, OLD.holder_id)
    ) THEN
        RAISE EXCEPTION 'card % can not go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_card_transition';
    END IF;
    -- Who and why come from the statement's own settings; without them, who was connected.
    INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, reason, at)
        VALUES (OLD.id, OLD.status, NEW.status,
            left(coalesce(nullif(current_setting('giftline.actor', true), ''),
                'database:' || session_user), 48),
            left(coalesce(current_setting('giftline.reason', true), ''), 200),
            clock_timestamp());
    RETURN NEW;
END
$$;
