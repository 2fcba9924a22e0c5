-- Incidents are the platform's own: what went wrong, for whom, and whom to wake for it. A tenant
-- reads of them on the status page, which says what an operator has made public.
SELECT credit_show_where('alerts_incident', 'false', 'SELECT');
SELECT credit_show_where('alerts_incidentday', 'false', 'SELECT');
SELECT credit_show_where('alerts_timelineentry', 'false', 'SELECT');
SELECT credit_show_where('alerts_actionitem', 'false', 'SELECT');
SELECT credit_show_where('alerts_escalationcontact', 'false', 'SELECT');
SELECT credit_show_where('alerts_escalationstep', 'false', 'SELECT');
