-- AlterTable
ALTER TABLE "space" ADD COLUMN     "dropped_at" TIMESTAMPTZ(3),
ADD COLUMN     "filled_by" UUID,
ADD COLUMN     "filled_until" TIMESTAMPTZ(3);
