-- Which rows a tenant sees: Note [Row-level security].
SELECT credit_show_to_client('sms_message');
SELECT credit_show_to_client('sms_optin');
SELECT credit_show_where('sms_deliveryattempt',
    'EXISTS (SELECT 1 FROM sms_message m WHERE m.id = message_id)');
SELECT credit_show_where('sms_statusevent',
    'EXISTS (SELECT 1 FROM sms_message m WHERE m.id = message_id)');
-- The platform's own words are everybody's to read.
SELECT credit_show_to_client('sms_messagetemplate');
DROP POLICY IF EXISTS shared ON sms_messagetemplate;
CREATE POLICY shared ON sms_messagetemplate FOR SELECT USING (client_id IS NULL);
