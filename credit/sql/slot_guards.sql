-- A slot's balance moves with an entry or not at all, as an account's: only the owner's functions
-- may write it, and only they split an account. The runtime role has no right to write slots to
-- begin with; this holds where somebody gives it one.
CREATE OR REPLACE FUNCTION credit_refuse_slot_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the slots of an account are written by the ledger alone'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER credit_account_split_by_the_ledger BEFORE UPDATE OF slot_count ON credit_account
    FOR EACH ROW WHEN (OLD.slot_count <> NEW.slot_count)
    EXECUTE FUNCTION credit_refuse_slot_change();

CREATE TRIGGER credit_account_opens_whole BEFORE INSERT ON credit_account
    FOR EACH ROW WHEN (NEW.slot_count <> 0) EXECUTE FUNCTION credit_refuse_slot_change();

CREATE TRIGGER credit_accountslot_balance_is_the_ledgers
    BEFORE UPDATE OF balance_minor ON credit_accountslot FOR EACH ROW
    WHEN (OLD.balance_minor <> NEW.balance_minor)
    EXECUTE FUNCTION credit_refuse_slot_change();

CREATE TRIGGER credit_accountslot_opens_empty BEFORE INSERT ON credit_accountslot
    FOR EACH ROW WHEN (NEW.balance_minor <> 0) EXECUTE FUNCTION credit_refuse_slot_change();

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
