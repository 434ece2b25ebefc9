-- Search by words. Not expressible in schema.prisma but for the column itself; left alone by Prisma's diff.
--
-- Upgrade: the column fills itself for every stored prompt, under an exclusive lock on "prompt" (the table is rewritten,
-- then the index is built), which cost about 0.1 ms a short prompt; figures in tests/bench/RESULTS.md.

-- English stems of every word: the stock configuration drops "what", "my" and "not", which raise clinc150 by .01.
CREATE TEXT SEARCH DICTIONARY "prompt_stem" (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION "prompt_words" (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION "prompt_words" ALTER MAPPING REPLACE pg_catalog.english_stem WITH "prompt_stem";

-- The beginning of a text, its ASCII punctuation as spaces. The parser knows hyphenated words, paths, hosts and addresses,
-- and reads on and back again to tell them apart: with "x_" fifty thousand times it took 75 s, where plain words take
-- milliseconds. None of those tokens is wanted as a whole.
CREATE FUNCTION "prompt_plain"("whole" text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate("left"("whole", 32768), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32));

-- A text as its words are read: scripts that put no space between words give their characters and pairs of neighbours.
-- Only the beginning counts: a tsvector holds one mebibyte, and 32 768 characters of any script stay below it
-- (tests/store/words.test.ts), so that no text is ever refused for its words.
CREATE FUNCTION "prompt_spaced"("whole" text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN "whole" !~ '[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF]'
    THEN prompt_plain("whole")
  ELSE regexp_replace(prompt_plain("whole"),
      '([\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF])', ' \1 ', 'g')
    || ' ' || regexp_replace(regexp_replace(prompt_plain("whole"),
      '[^\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF]+', ' ', 'g'),
      '(\S\S)', '\1 ', 'g')
    || ' ' || regexp_replace(regexp_replace(regexp_replace(prompt_plain("whole"),
      '[^\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF]+', ' ', 'g'),
      '\S(\S*)', '\1', 'g'), '(\S\S)', '\1 ', 'g')
  END;

CREATE FUNCTION "prompt_words"("whole" text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_tsvector('"prompt_words"'::regconfig, "prompt_spaced"("whole"));

-- The words as the index knows them: each as a number made of it and its project, so that a search reads its own project's
-- entries only, and neither its answer nor its time tells what others store. Numbers and not texts, because an index of
-- this kind keeps its keys for good: an erased prompt's words would stay readable in its file. Two words of one number
-- (none in billions) would only add a candidate. Hash partitions rest on the same function, so it stays as it is.
CREATE FUNCTION "prompt_word_keys"("project" uuid, "words" text[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500
RETURN ARRAY(SELECT hashtextextended("word", uuid_hash_extended("project", 0)) FROM unnest("words") AS "word");

-- AlterTable
ALTER TABLE "prompt" ADD COLUMN     "words" tsvector GENERATED ALWAYS AS (prompt_words(text)) STORED;

-- No list of pending entries: it is read from end to end by every search, and holds other projects' rows.
CREATE INDEX "prompt_words_idx" ON "prompt" USING gin ("prompt_word_keys"("project_id", tsvector_to_array("words"))) WITH (fastupdate = off);
