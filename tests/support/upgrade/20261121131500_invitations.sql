INSERT INTO invitation (id, project_id, user_id, role, prefix, token_hash, max_uses, expires_at) VALUES
  ('01890000-0000-7000-8000-0000000000c3', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001',
   'member', 'pwi_fixture', repeat('3', 64), 5, now() + interval '10 years');
