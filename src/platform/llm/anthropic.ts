import type { LlmProvider } from './provider.js';
import { SdkProvider, type SdkProviderDeps } from './sdk-provider.js';

/** How Anthropic is spoken to. */
export interface AnthropicDeps extends Pick<SdkProviderDeps, 'baseUrl' | 'defaultModel' | 'limits' | 'clock'> {
  apiKey: string;
}

/**
 * Anthropic's messages API.
 *
 * Cost: the SDK is loaded with the first call.
 */
export const anthropic = (deps: AnthropicDeps): LlmProvider =>
  new SdkProvider({
    ...deps,
    name: 'anthropic',
    async makeModel(model, fetch) {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return createAnthropic({ baseURL: deps.baseUrl, apiKey: deps.apiKey, fetch })(model);
    },
  });
