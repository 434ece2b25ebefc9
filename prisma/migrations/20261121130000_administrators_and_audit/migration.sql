-- AlterTable
ALTER TABLE "app_user" ADD COLUMN     "is_administrator" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "space" ADD COLUMN     "is_active" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "audit_entry" (
    "id" UUID NOT NULL,
    "project_id" UUID,
    "user_id" UUID,
    "action" TEXT NOT NULL,
    "details" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "audit_entry_project_id_id_idx" ON "audit_entry"("project_id", "id" DESC);

-- The first account runs the installation.
UPDATE "app_user" SET "is_administrator" = true
  WHERE "id" = (SELECT "id" FROM "app_user" ORDER BY "created_at", "id" LIMIT 1);

-- Of several spaces the one with the most vectors was the one that served; none is right for an empty database.
UPDATE "space" SET "is_active" = true
  WHERE "id" = (SELECT "space_id" FROM "embedding" GROUP BY "space_id" ORDER BY count(*) DESC, "space_id" LIMIT 1);

-- Not expressible in schema.prisma, and left alone by Prisma's diff.

CREATE UNIQUE INDEX "space_one_active_idx" ON "space" ((true)) WHERE "is_active";

-- What was recorded stands: not even this program changes or removes an entry.
CREATE FUNCTION audit_entry_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit entries are only ever added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entry_stands BEFORE UPDATE OR DELETE ON "audit_entry"
  FOR EACH ROW EXECUTE FUNCTION audit_entry_stands();
