// Prints an answer while the model writes it; a cut connection resumes by itself and never asks the model twice.
import { createPromptwellClient } from 'promptwell/client';
import { WebSocket } from 'ws';

const { PROMPTWELL_URL: url = 'http://127.0.0.1:3000', PROMPTWELL_USERNAME: username = 'ada' } = process.env;
const { PROMPTWELL_PASSWORD: password = 'a long enough secret' } = process.env;

const { tokens } = await createPromptwellClient({ url }).auth.login.mutate({ username, password });
const promptwell = createPromptwellClient({ url, tokens, WebSocket });

promptwell.prompts.stream.subscribe(
  { text: 'Suggest a quiet restaurant for two in Lisbon' },
  {
    onData({ data }) {
      if (data.type === 'delta') process.stdout.write(data.text);
      if (data.type === 'completed') console.log(`\n-- ${data.prompt.status} in ${data.prompt.response?.latencyMs} ms`);
      if (data.type === 'failed') console.error(data.prompt.response?.error?.message);
    },
    onError: console.error,
  },
);
