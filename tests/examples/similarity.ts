// Finds earlier prompts by what they mean, not by their words.
import { createPromptwellClient } from 'promptwell/client';

const { PROMPTWELL_URL: url = 'http://127.0.0.1:3000', PROMPTWELL_USERNAME: username = 'ada' } = process.env;
const { PROMPTWELL_PASSWORD: password = 'a long enough secret' } = process.env;

const { tokens } = await createPromptwellClient({ url }).auth.login.mutate({ username, password });
const promptwell = createPromptwellClient({ url, tokens });

// generate: false keeps a prompt without asking a model.
for (const text of ['How do I get a refund for a cancelled flight?', 'Write a haiku about autumn leaves'])
  await promptwell.prompts.create.mutate({ text, generate: false });

const { hits, space } = await promptwell.prompts.similar.query({
  query: 'my airline cancelled on me, can I be refunded',
  limit: 3,
});
console.log(`by ${space}:`);
for (const { prompt, score } of hits) console.log(`${score.toFixed(2)}  ${prompt.text}`);
