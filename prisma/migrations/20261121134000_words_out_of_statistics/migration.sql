-- Not expressible in schema.prisma, and left alone by Prisma's diff.

-- ANALYZE would copy the most common words into pg_statistic, where no DELETE reaches them. The index on their numbers
-- has statistics of its own, and plans rest on those.
ALTER TABLE "prompt" ALTER COLUMN "words" SET STATISTICS 0;

DO $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    DELETE FROM pg_statistic s USING pg_attribute a
    WHERE a.attrelid = 'prompt'::regclass AND a.attname = 'words' AND s.starelid = a.attrelid AND s.staattnum = a.attnum;
  END IF;
END $$;
