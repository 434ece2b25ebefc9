-- Rows as this schema holds them, at least one in each of its tables. Times that matter are relative or far away, so that
-- a service that starts on them has nothing to end or to prune.
INSERT INTO app_user (id, username, username_key, email, password_hash) VALUES
  ('01890000-0000-7000-8000-000000000001', 'Ada', 'ada', 'ada@example.com', '$argon2id$v=19$m=19456,t=2,p=1$E+EqFQemCfT4z5YIPzVbaQ$pR73Wfupnv93+zXX7ald5jLEmm2DEuMgR/1A6tHYQAg');
INSERT INTO project (id, name, is_personal) VALUES ('01890000-0000-7000-8000-0000000000a1', 'Ada', true);
INSERT INTO membership (project_id, user_id, role) VALUES
  ('01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001', 'owner');
INSERT INTO session (id, user_id, expires_at) VALUES
  ('01890000-0000-7000-8000-0000000000b1', '01890000-0000-7000-8000-000000000001', now() + interval '10 years');
INSERT INTO refresh_token (id, session_id, expires_at) VALUES
  ('01890000-0000-7000-8000-0000000000c1', '01890000-0000-7000-8000-0000000000b1', now() + interval '10 years');
INSERT INTO api_key (id, project_id, user_id, name, prefix, key_hash, scopes) VALUES
  ('01890000-0000-7000-8000-0000000000d1', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001',
   'robot', 'pw_fixture', repeat('0', 64), ARRAY['prompts:read']);
INSERT INTO known_address (user_id, address_hash) VALUES ('01890000-0000-7000-8000-000000000001', repeat('1', 64));
INSERT INTO rate_limit (key, points, expire) VALUES ('fixture:ada', 3, 32503680000000);
INSERT INTO spend (scope, day, usd) VALUES ('user:01890000-0000-7000-8000-000000000001', '2026-11-20', 0.012345678);
INSERT INTO space (id, name, dimensions) VALUES (nextval('space_id_seq'), 'fixture-3', 3);
INSERT INTO prompt (id, project_id, user_id, text, text_hash, system, status, model, parameters, tags, metadata,
                    idempotency_key, request_hash) VALUES
  ('01890000-0000-7000-8000-0000000000e1', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001',
   'Plan a weekend in Lisbon', 'fc1c17c3f713db6c55933ac0d67b0779c5c3ab2a63f578193e9844fe8ac554db', 'Be brief.', 'completed', 'offline',
   '{"temperature": 0.2}', ARRAY['travel'], '{"a": [1, 2.50, "x"]}', 'fixture-key', repeat('2', 64)),
  ('01890000-0000-7000-8000-0000000000e2', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-000000000001',
   'Übersetze „Zeitgeist“ 🌍', '28da32c361f891e8df0677354b6a361ef93dbe214cd3d989f22dd7238161d3ee', NULL, 'failed', 'offline', '{}', ARRAY[]::text[], '{}', NULL, NULL);
INSERT INTO response (id, project_id, prompt_id, text, model, provider, finish_reason, input_tokens, output_tokens,
                      total_tokens, cost_usd, latency_ms, time_to_first_token_ms, error) VALUES
  ('01890000-0000-7000-8000-0000000000f1', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-0000000000e1',
   'Walk, eat, rest.', 'offline', 'offline', 'stop', 6, 5, 11, 0.000012345, 123, 45, NULL),
  ('01890000-0000-7000-8000-0000000000f2', '01890000-0000-7000-8000-0000000000a1', '01890000-0000-7000-8000-0000000000e2',
   '', 'offline', 'offline', NULL, NULL, NULL, NULL, NULL, 7, NULL, '{"kind": "upstream", "message": "away"}');
INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector) SELECT
  '01890000-0000-7000-8000-0000000000a1', p.id, s.id, p.text_hash, '[0.6,0.8,0]' FROM prompt AS p, space AS s;
INSERT INTO event (project_id, kind, prompt_id, view) SELECT project_id, 'prompt.created', id, '{"text": "as it was"}' FROM prompt;
