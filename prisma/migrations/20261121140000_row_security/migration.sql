-- The second wall: whatever a statement forgets, a role that is bound by these policies sees one project's rows. Not
-- expressible in schema.prisma, and left alone by Prisma's diff.
--
-- The owner of the tables is not bound (no FORCE): what works over all projects stays as it was, and so does a program of
-- the version before during a rolling upgrade. The role that is bound is made and granted at each start
-- (src/platform/db/row-security.ts), because roles belong to the cluster and no dump of this database holds them; the
-- policies name no role, so that a dump restores anywhere.
--
-- Form: a sub-select is asked once a statement, where the bare function would be called for each row. Wrapped in CASE
-- ... IS NOT NULL the condition is no candidate for an index (a B-tree on project_id would compete with a project's own
-- HNSW index) and is taken by the planner for true of 99.5 % of the rows, so that it changes no estimate beside the
-- statement's own condition on the project; a bare equality multiplies the two. Without a project, or with '' as a
-- setting reads that was set in an earlier transaction, it is null for every row.

ALTER TABLE "project" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "project"
  USING (CASE WHEN "id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "membership" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "membership"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "api_key" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "api_key"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "invitation" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "invitation"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "audit_entry" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "audit_entry"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "prompt" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "prompt"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "response" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "response"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "embedding" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "embedding"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "ann_index" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "ann_index"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

ALTER TABLE "event" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "event"
  USING (CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL);

-- Money is counted by project and by user in one table: a project's own row, and those of its members.
ALTER TABLE "spend" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "spend"
  USING ("scope" = 'project:' || (SELECT nullif(current_setting('promptwell.project_id', true), ''))
    OR EXISTS (SELECT FROM "membership" "m" WHERE "scope" = 'user:' || "m"."user_id"
      AND "m"."project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid)));

-- People are shown to those who share the project with them.
ALTER TABLE "app_user" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own_project" ON "app_user"
  USING (EXISTS (SELECT FROM "membership" "m" WHERE "m"."user_id" = "app_user"."id"
    AND "m"."project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid)));

-- The rows that search by words looks for. Under a policy an index serves only operators that are marked leak-proof, and
-- those on arrays are not (marking them takes a superuser). A view reads as its owner, who is not bound; its own
-- condition is the same wall, and without "security_barrier" the index on words serves. What that gives up is the guard
-- against functions that a caller brings along: nobody's SQL is run here.
CREATE VIEW "own_prompt" AS
  SELECT "id", "project_id", "user_id", "text", "text_hash", "status", "model", "conversation_id", "environment", "tags",
    "created_at", "words"
  FROM "prompt"
  WHERE CASE WHEN "project_id" = (SELECT nullif(current_setting('promptwell.project_id', true), '')::uuid) THEN true END IS NOT NULL;
