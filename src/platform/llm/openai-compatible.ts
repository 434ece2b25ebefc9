import type { LlmProvider } from './provider.js';
import { SdkProvider, type SdkProviderDeps } from './sdk-provider.js';

/** Where an OpenAI-compatible endpoint is and how it is spoken to. */
export interface OpenAiCompatibleDeps extends Pick<SdkProviderDeps, 'baseUrl' | 'defaultModel' | 'limits' | 'clock'> {
  /** None for an endpoint without a lock, such as Ollama on this machine. */
  apiKey: string | undefined;
}

/**
 * A provider that speaks OpenAI's chat completions: OpenAI, OpenRouter, Ollama, vLLM, ...
 *
 * Shape: asks for usage with the stream; where none comes the tokens are counted and marked as estimated.
 * Cost: the SDK is loaded with the first call.
 */
export const openAiCompatible = (deps: OpenAiCompatibleDeps): LlmProvider =>
  new SdkProvider({
    ...deps,
    name: 'openai-compatible',
    async makeModel(model, fetch) {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      const provider = createOpenAICompatible({
        name: 'openai-compatible',
        baseURL: deps.baseUrl,
        fetch,
        includeUsage: true,
        ...(deps.apiKey === undefined ? {} : { apiKey: deps.apiKey }),
        ...(isOpenAi(deps.baseUrl) ? { transformRequestBody: withCompletionTokens } : {}),
      });
      return provider.chatModel(model);
    },
  });

const isOpenAi = (baseUrl: string): boolean => new URL(baseUrl).hostname === 'api.openai.com';

/** OpenAI's reasoning models refuse `max_tokens`, its older ones take either; other endpoints know only the old name. */
const withCompletionTokens = ({ max_tokens, ...body }: Record<string, unknown>): Record<string, unknown> => ({
  ...body,
  max_completion_tokens: max_tokens,
});
