-- An account's parent stands exactly one level up, in the same currency, and owns the child.
CREATE OR REPLACE FUNCTION credit_check_account_parent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_parent credit_account;
    v_levels constant text[] := ARRAY['platform', 'agency', 'client', 'campaign'];
BEGIN
    IF NEW.parent_id IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT * INTO v_parent FROM credit_account WHERE id = NEW.parent_id;
    IF v_parent.purpose <> 'credit'
        OR v_parent.currency <> NEW.currency
        OR array_position(v_levels, v_parent.level::text) + 1
            <> array_position(v_levels, NEW.level::text)
        OR v_parent.agency_id IS NOT NULL AND v_parent.agency_id <> NEW.agency_id
        OR v_parent.client_id IS NOT NULL AND v_parent.client_id <> NEW.client_id
        OR NEW.client_id IS NOT NULL AND NEW.agency_id <> (
            SELECT agency_id FROM credit_client WHERE id = NEW.client_id)
    THEN
        RAISE EXCEPTION 'account % can not stand below account %', NEW.id, NEW.parent_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_account_parent_one_level_up';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER credit_account_parent_one_level_up
    BEFORE INSERT OR UPDATE OF parent_id, level, currency, agency_id, client_id
    ON credit_account FOR EACH ROW EXECUTE FUNCTION credit_check_account_parent();

-- What an account is was decided when it was opened: its entries are amounts of that currency.
CREATE OR REPLACE FUNCTION credit_refuse_account_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'account % keeps its level, purpose, currency and owner', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'credit_account_keeps_its_nature';
END
$$;

CREATE TRIGGER credit_account_keeps_its_nature BEFORE UPDATE ON credit_account FOR EACH ROW
    WHEN ((OLD.level, OLD.purpose, OLD.currency, OLD.agency_id, OLD.client_id)
        IS DISTINCT FROM (NEW.level, NEW.purpose, NEW.currency, NEW.agency_id, NEW.client_id))
    EXECUTE FUNCTION credit_refuse_account_change();

-- Note [Pinned search path]
-- A session may put a temporary table named like one of ours, or like one of PostgreSQL's own,
-- before it in its search path. So every function that guards something says where it looks,
-- even where it has its caller's rights.

-- Balances move with an entry or not at all: only the owner's functions may write them.
CREATE OR REPLACE FUNCTION credit_refuse_balance_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the balance of account % is written by the ledger alone', NEW.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER credit_account_balance_is_the_ledgers
    BEFORE UPDATE OF balance_minor ON credit_account FOR EACH ROW
    WHEN (OLD.balance_minor IS DISTINCT FROM NEW.balance_minor)
    EXECUTE FUNCTION credit_refuse_balance_change();

CREATE TRIGGER credit_account_opens_empty
    BEFORE INSERT ON credit_account FOR EACH ROW
    WHEN (NEW.balance_minor <> 0)
    EXECUTE FUNCTION credit_refuse_balance_change();

-- Note [Zero sum]
-- The entries of a transaction sum to zero in one currency, on accounts that exist. Checked at
-- commit, when all of them are there, and by the owner, so that no tenant's scope hides one side.
CREATE OR REPLACE FUNCTION credit_check_zero_sum() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_sum numeric;
    v_sides integer;
    v_currencies integer;
BEGIN
    SELECT sum(e.amount_minor), count(*), count(DISTINCT coalesce(a.currency, '?'))
        INTO v_sum, v_sides, v_currencies
        FROM credit_entry e LEFT JOIN credit_account a ON a.id = e.account_id
        WHERE e.transaction_id = NEW.transaction_id;
    IF v_sum <> 0 OR v_sides < 2 OR v_currencies <> 1 THEN
        RAISE EXCEPTION 'transaction % is not balanced: % entries sum to % in % currencies',
            NEW.transaction_id, v_sides, v_sum, v_currencies
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_transaction_sums_to_zero';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER credit_transaction_sums_to_zero
    AFTER INSERT ON credit_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION credit_check_zero_sum();

CREATE TRIGGER refuse_removal BEFORE DELETE ON credit_account
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON credit_account
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();
SELECT alerts_make_append_only('credit_transaction');
SELECT alerts_make_append_only('credit_entry');
