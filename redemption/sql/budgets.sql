-- The account that pays for a campaign fits its budget: on a shared one it is the client's, or the
-- agency's where the agency pays; on an isolated one an account of the client's for this campaign
-- alone. An own account beside a shared budget is such a one too. Accounts keep their level and
-- owner, so looking when a campaign changes is enough.
CREATE OR REPLACE FUNCTION redemption_check_campaign_accounts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_level constant text := CASE
        WHEN NEW.budget_mode = 'isolated' THEN 'campaign' ELSE NEW.billing_entity END;
BEGIN
    IF NEW.account_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM credit_account a JOIN credit_client c ON c.id = NEW.client_id
        WHERE a.id = NEW.account_id AND a.level = v_level
            AND a.agency_id = c.agency_id AND (a.client_id = c.id OR a.level = 'agency'))
    THEN
        RAISE EXCEPTION 'account % does not fit the % budget of campaign %',
            NEW.account_id, NEW.budget_mode, NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_campaign_account_fits';
    END IF;
    IF NEW.own_account_id IS NOT NULL AND (
        NEW.budget_mode = 'isolated' AND NEW.own_account_id IS DISTINCT FROM NEW.account_id
        OR NOT EXISTS (SELECT 1 FROM credit_account a
            WHERE a.id = NEW.own_account_id AND a.level = 'campaign'
                AND a.client_id = NEW.client_id))
    THEN
        RAISE EXCEPTION 'account % is not campaign %''s own', NEW.own_account_id, NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_campaign_account_fits';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER redemption_campaign_account_fits
    BEFORE INSERT OR UPDATE OF client_id, budget_mode, billing_entity, account_id, own_account_id
    ON redemption_campaign FOR EACH ROW EXECUTE FUNCTION redemption_check_campaign_accounts();
