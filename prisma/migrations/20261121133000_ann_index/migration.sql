-- CreateEnum
CREATE TYPE "ann_state" AS ENUM ('building', 'ready', 'failed');

-- CreateTable
CREATE TABLE "ann_index" (
    "project_id" UUID NOT NULL,
    "space_id" INTEGER NOT NULL,
    "state" "ann_state" NOT NULL,
    "rows" INTEGER NOT NULL,
    "build_ms" INTEGER,
    "built_at" TIMESTAMPTZ(3),
    "checked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ann_index_pkey" PRIMARY KEY ("project_id","space_id")
);

-- CreateIndex
CREATE INDEX "ann_index_space_id_idx" ON "ann_index"("space_id");

-- AddForeignKey
ALTER TABLE "ann_index" ADD CONSTRAINT "ann_index_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "project"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ann_index" ADD CONSTRAINT "ann_index_space_id_fkey" FOREIGN KEY ("space_id") REFERENCES "space"("id") ON DELETE CASCADE ON UPDATE CASCADE;



-- Not expressible in schema.prisma, and left alone by Prisma's diff.

ALTER TABLE "ann_index" ADD CONSTRAINT "ann_index_figures_check" CHECK ("rows" >= 0 AND "build_ms" >= 0);
