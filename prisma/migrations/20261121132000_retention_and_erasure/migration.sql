-- AlterTable
ALTER TABLE "project" ADD COLUMN     "event_retention_days" INTEGER,
ADD COLUMN     "events_kept_from" TIMESTAMPTZ(3),
ADD COLUMN     "prompt_retention_days" INTEGER,
ADD COLUMN     "response_retention_days" INTEGER;

-- CreateIndex
CREATE INDEX "prompt_project_id_created_at_idx" ON "prompt"("project_id", "created_at");

-- CreateIndex
CREATE INDEX "response_project_id_created_at_idx" ON "response"("project_id", "created_at");

-- Not expressible in schema.prisma, and left alone by Prisma's diff.

ALTER TABLE "project" ADD CONSTRAINT "project_retention_check" CHECK (
  "prompt_retention_days" BETWEEN 1 AND 3650 AND "response_retention_days" BETWEEN 1 AND 3650
  AND "event_retention_days" BETWEEN 1 AND 3650);

-- ANALYZE copies common values into pg_statistic, where no DELETE reaches them: people's words and vectors stay out of it.
ALTER TABLE "prompt"
  ALTER COLUMN "text" SET STATISTICS 0, ALTER COLUMN "system" SET STATISTICS 0,
  ALTER COLUMN "conversation_id" SET STATISTICS 0, ALTER COLUMN "tags" SET STATISTICS 0,
  ALTER COLUMN "metadata" SET STATISTICS 0, ALTER COLUMN "parameters" SET STATISTICS 0,
  ALTER COLUMN "idempotency_key" SET STATISTICS 0;
ALTER TABLE "response" ALTER COLUMN "text" SET STATISTICS 0, ALTER COLUMN "error" SET STATISTICS 0;
ALTER TABLE "event" ALTER COLUMN "view" SET STATISTICS 0;
ALTER TABLE "embedding" ALTER COLUMN "vector" SET STATISTICS 0;

-- What earlier runs of ANALYZE copied goes at once where this role may do that; else `promptwell scrub` says what to do.
DO $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    DELETE FROM pg_statistic
    WHERE starelid IN ('prompt'::regclass, 'response'::regclass, 'event'::regclass, 'embedding'::regclass);
  END IF;
END $$;
