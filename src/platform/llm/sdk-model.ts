import type { AnthropicProvider } from '@ai-sdk/anthropic';

/** A model as the AI SDK's providers make it, as far as it is used here. */
export type SdkModel = Pick<ReturnType<AnthropicProvider>, 'doStream'>;

/** One piece of a stream of such a model. */
export type SdkPart =
  Awaited<ReturnType<SdkModel['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;
