import { z } from 'zod';

/** Source: ten years; what is to stay longer is kept for ever. */
const longestDays = 3_650;

const projectId = z
  .uuid('must be a UUID')
  .transform((text) => text.toLowerCase())
  .exactOptional();
const days = z.int().min(1).max(longestDays).nullable();

/** For how many days something is kept; null keeps prompts and responses for ever, events as long as the installation does. */
export const RetentionDays = z.strictObject({ promptDays: days, responseDays: days, eventDays: days });
/** For how many days something is kept. */
export type RetentionDays = z.infer<typeof RetentionDays>;

/** Input of `retention.get` and `retention.applyNow`. */
export const RetentionInput = z.strictObject({ projectId });

/** Input of `retention.preview`: what is left out is as stored. */
export const PreviewRetentionInput = z.strictObject({ projectId, ...RetentionDays.partial().shape });
/** Input of `retention.preview`. */
export type PreviewRetentionInput = z.infer<typeof PreviewRetentionInput>;

/** Input of `retention.set`; `confirm` is the answer's own, where the days would remove something at once. */
export const SetRetentionInput = z.strictObject({
  projectId,
  ...RetentionDays.shape,
  confirm: z.string().min(1).max(256).exactOptional(),
});
/** Input of `retention.set`. */
export type SetRetentionInput = z.infer<typeof SetRetentionInput>;

const doomed = z.strictObject({ count: z.int(), oldest: z.string().nullable() });

/** What would go now, and since when it has been there. Responses of prompts that go are not counted again. */
export const RetentionPreview = z.strictObject({ prompts: doomed, responses: doomed, events: doomed });
/** What would go now. */
export type RetentionPreview = z.infer<typeof RetentionPreview>;

/** A project's settings, and for how many hours the installation keeps events at most. */
export const RetentionView = z.strictObject({ ...RetentionDays.shape, installationEventHours: z.number() });
/** A project's settings. */
export type RetentionView = z.infer<typeof RetentionView>;

/** What `retention.preview` answers. */
export const PreviewView = z.strictObject({ days: RetentionDays, preview: RetentionPreview });
/** What `retention.preview` answers. */
export type PreviewView = z.infer<typeof PreviewView>;

/** What `retention.set` answers: stored, or (with what would go) what to send as `confirm` to have it stored. */
export const SetView = z.strictObject({
  isStored: z.boolean(),
  days: RetentionDays,
  preview: RetentionPreview,
  confirm: z.string().nullable(),
});
/** What `retention.set` answers. */
export type SetView = z.infer<typeof SetView>;

/** How much went. */
export const AppliedView = z.strictObject({ prompts: z.int(), responses: z.int(), events: z.int() });
/** How much went. */
export type AppliedView = z.infer<typeof AppliedView>;
