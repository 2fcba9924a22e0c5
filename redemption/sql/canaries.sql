-- What was tried is a fact; which codes are traps is the platform's secret.
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_canary
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
SELECT alerts_make_append_only('redemption_canarytry');
SELECT credit_show_where('redemption_canary', 'false', 'SELECT');
SELECT credit_show_where('redemption_canarytry', 'false', 'SELECT');
-- What a proof of the whole database found is of every tenant together: the platform's own.
SELECT credit_show_where('alerts_verification', 'false', 'SELECT');
