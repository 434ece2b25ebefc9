INSERT INTO ann_index (project_id, space_id, state, rows, build_ms, built_at)
  SELECT '01890000-0000-7000-8000-0000000000a1', id, 'failed', 2, 1, now() FROM space WHERE name = 'fixture-3';
