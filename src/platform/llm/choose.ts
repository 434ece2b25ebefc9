import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import { anthropic } from './anthropic.js';
import { offlineProvider } from './offline.js';
import { openAiCompatible } from './openai-compatible.js';
import type { LlmProvider } from './provider.js';
import { Slots } from './slots.js';

const openAiUrl = 'https://api.openai.com/v1';
const anthropicUrl = 'https://api.anthropic.com/v1';

/** Small, cheap and fast ones: who cares which model answers says so. */
const openAiModel = 'gpt-4o-mini';
const anthropicModel = 'claude-haiku-4-5';

/** How long a call may wait for a place: longer, and the caller's own deadline would pass first. */
const maxWaitMs = 10_000;

/** Calls that may wait for each that runs: the line is empty again within `maxWaitMs` when answers take 2.5 s. */
const waitingPerRunning = 4;

/** A provider and the model that it is to ask. */
export interface ChosenModel {
  provider: LlmProvider;
  model: string;
}

/** Knows which provider serves which model. */
export interface ProviderRouter {
  /** Who answers for `model`, or for the default model when none is named. */
  choose(model?: string): ChosenModel;
}

/**
 * The providers that the configuration names, behind one bound on how many of their calls run at once.
 *
 * Shape: `claude...` goes to Anthropic where its key is set; everything else to the OpenAI-compatible endpoint, or to
 * Anthropic where that is the only one. With none configured, or told to be offline, `offline` answers for every model,
 * as `offline`.
 * Faults of the providers' streams: their own, and `overloaded` when no place was free in time.
 */
export function chooseProviders(config: Config['llm'], deps: { clock: Clock }): ProviderRouter {
  const slots = new Slots({
    concurrency: config.concurrency,
    maxWaiting: config.concurrency * waitingPerRunning,
    maxWaitMs,
  });
  const claude = anthropicOf(config, deps.clock, slots);
  const general = openAiCompatibleOf(config, deps.clock, slots) ?? claude;
  if (config.isOffline || general === undefined) return offlineRouter();
  return {
    choose(model = config.model ?? general.defaultModel) {
      return { provider: claude !== undefined && model.startsWith('claude') ? claude : general, model };
    },
  };
}

function offlineRouter(): ProviderRouter {
  const provider = offlineProvider();
  return { choose: () => ({ provider, model: provider.defaultModel }) };
}

function anthropicOf(config: Config['llm'], clock: Clock, slots: Slots): LlmProvider | undefined {
  if (config.anthropicApiKey === undefined) return undefined;
  const { anthropicApiKey: apiKey, model: defaultModel = anthropicModel } = config;
  return withSlots(anthropic({ baseUrl: anthropicUrl, apiKey, defaultModel, limits: config, clock }), slots);
}

function openAiCompatibleOf(config: Config['llm'], clock: Clock, slots: Slots): LlmProvider | undefined {
  if (config.baseUrl === undefined && config.apiKey === undefined) return undefined;
  const { baseUrl = openAiUrl, apiKey, model: defaultModel = openAiModel } = config;
  return withSlots(openAiCompatible({ baseUrl, apiKey, defaultModel, limits: config, clock }), slots);
}

/** The same provider, whose calls each hold a place while they run. */
function withSlots(provider: LlmProvider, slots: Slots): LlmProvider {
  return {
    name: provider.name,
    defaultModel: provider.defaultModel,
    estimateUsd: (request) => provider.estimateUsd(request),
    spentBy: (request, text) => provider.spentBy(request, text),
    async *stream(request, signal) {
      const giveBack = await slots.take(signal);
      try {
        yield* provider.stream(request, signal);
      } finally {
        giveBack();
      }
    },
  };
}
