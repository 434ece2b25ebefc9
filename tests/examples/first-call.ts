// Signs up, asks a model, and reads what was kept.
import { createPromptwellClient } from 'promptwell/client';

const { PROMPTWELL_URL: url = 'http://127.0.0.1:3000', PROMPTWELL_USERNAME: username = 'ada' } = process.env;
const { PROMPTWELL_PASSWORD: password = 'a long enough secret' } = process.env;

const { tokens } = await createPromptwellClient({ url }).auth.signup.mutate({ username, password });
const promptwell = createPromptwellClient({ url, tokens });

const prompt = await promptwell.prompts.create.mutate({ text: 'Plan a weekend in Lisbon', tags: ['travel'] });
console.log(`${prompt.status}, answered by ${prompt.response?.model}, ${prompt.response?.usage?.totalTokens} tokens`);
console.log(prompt.response?.text);

const { items } = await promptwell.prompts.list.query({ filter: { tag: 'travel' } });
console.log(`kept: ${items.map(({ text }) => text).join(', ')}`);
