-- CreateTable
CREATE TABLE "invitation" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "role" "role" NOT NULL,
    "prefix" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "max_uses" INTEGER NOT NULL,
    "accepted_by" UUID[] DEFAULT ARRAY[]::UUID[],
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "invitation_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "invitation_token_hash_key" ON "invitation"("token_hash");

-- CreateIndex
CREATE INDEX "invitation_project_id_user_id_idx" ON "invitation"("project_id", "user_id");

-- AddForeignKey
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_project_id_user_id_fkey" FOREIGN KEY ("project_id", "user_id") REFERENCES "membership"("project_id", "user_id") ON DELETE CASCADE ON UPDATE CASCADE;



-- Not expressible in schema.prisma, and left alone by Prisma's diff.

-- However many accept at once, no more come in than were invited, and an invitation always ends.
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_uses_check" CHECK (
  "max_uses" BETWEEN 1 AND 100 AND "accepted_by" IS NOT NULL AND cardinality("accepted_by") <= "max_uses"
);
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_expiry_check" CHECK ("expires_at" > "created_at");
