DO $body$
DECLARE
  made record;
BEGIN
  FOR made IN
    SELECT polname, polrelid::regclass AS place FROM pg_catalog.pg_policy WHERE starts_with(polname::text, 'ormai_')
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', made.polname, made.place);
  END LOOP;
END
$body$
