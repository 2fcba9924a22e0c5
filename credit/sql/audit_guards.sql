-- What was done stays written.
SELECT alerts_make_append_only('credit_auditevent');
