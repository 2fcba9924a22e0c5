-- Only the owner's functions split an account. What its slots hold is theirs alone as well, and
-- takes no trigger: the runtime role may only read that table, while it may rename an account.
CREATE OR REPLACE FUNCTION credit_refuse_split() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'account % is split and merged by the ledger alone', NEW.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER credit_account_split_by_the_ledger BEFORE UPDATE OF slot_count ON credit_account
    FOR EACH ROW WHEN (OLD.slot_count <> NEW.slot_count)
    EXECUTE FUNCTION credit_refuse_split();

CREATE TRIGGER credit_account_opens_whole BEFORE INSERT ON credit_account
    FOR EACH ROW WHEN (NEW.slot_count <> 0) EXECUTE FUNCTION credit_refuse_split();

-- A slot stays where it is: entries name it.
CREATE OR REPLACE FUNCTION credit_refuse_slot_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'slot % of account % keeps its number and account', OLD.slot, OLD.account_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'credit_accountslot_keeps_its_place';
END
$$;

CREATE TRIGGER credit_accountslot_keeps_its_place BEFORE UPDATE ON credit_accountslot
    FOR EACH ROW WHEN ((OLD.account_id, OLD.slot) IS DISTINCT FROM (NEW.account_id, NEW.slot))
    EXECUTE FUNCTION credit_refuse_slot_move();

CREATE TRIGGER refuse_removal BEFORE DELETE ON credit_accountslot
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON credit_accountslot
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
