import { z } from 'zod';

const name = z.string().min(1).max(300);

/** Input of procedures on one space. */
export const SpaceInput = z.strictObject({ name });
export type SpaceInput = z.infer<typeof SpaceInput>;

/** Input of `spaces.follow`; `lastEventId` is set by the client when it resumes. */
export const FollowSpacesInput = z.strictObject({ lastEventId: z.string().min(1).max(200).exactOptional() });
export type FollowSpacesInput = z.infer<typeof FollowSpacesInput>;

/** A space and how full it is. */
export interface SpaceView {
  name: string;
  dimensions: number;
  state: 'active' | 'full' | 'filling' | 'dropping';
  /** Whether the process that answers can make its vectors. */
  isServable: boolean;
  /** Vectors there, and prompts that are to have one. */
  filled: number;
  total: number;
  /** Of late; null while nothing is known of it. */
  vectorsPerSecond: number | null;
  /** Until it is full, at that rate. */
  etaSeconds: number | null;
  createdAt: string;
}

/** What `spaces.list` answers, and each event of `spaces.follow`. */
export interface SpacesView {
  spaces: SpaceView[];
  /** What can be added here: spaces of models that this process has and the database has not. */
  addable: { name: string; dimensions: number }[];
  /** The neural model on its way to this machine; null where nothing is fetched. */
  fetch: { state: string; percent: number; message: string } | null;
}

/** How alike two spaces answer, on a sample of stored prompts. */
export interface SpaceComparison {
  /** The one that serves. */
  active: string;
  candidate: string;
  /** Prompts compared: each has at least ten others in its project. */
  sampled: number;
  /** Shared of the ten nearest, from 0 to 1, over the sample; null when no project is large enough to tell. */
  meanOverlap: number | null;
  worstOverlap: number | null;
  /** A few of the sample, from projects that the caller is a member of. */
  examples: { projectId: string; promptId: string; overlap: number }[];
}

/** What `spaces.activate` answers. */
export interface ActivationView {
  active: string;
  was: string;
  comparison: SpaceComparison;
  /** How long the statements that store vectors waited, at most. */
  pauseMs: number;
  /** Prompts without a vector in it because their texts cannot be embedded. */
  refused: number;
}
