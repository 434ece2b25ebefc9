INSERT INTO audit_entry (id, project_id, user_id, action, details) VALUES
  ('01890000-0000-7000-8000-0000000000c2', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001',
   'member.added', '{"role": "owner"}');
