// Hears a prompt live, as any other client of the same account would.
import { createPromptwellClient } from 'promptwell/client';
import { WebSocket } from 'ws'; // only Node 20 needs it: newer ones have a WebSocket

const { PROMPTWELL_URL: url = 'http://127.0.0.1:3000', PROMPTWELL_USERNAME: username = 'ada' } = process.env;
const { PROMPTWELL_PASSWORD: password = 'a long enough secret' } = process.env;

const { tokens } = await createPromptwellClient({ url }).auth.login.mutate({ username, password });
const promptwell = createPromptwellClient({ url, tokens, WebSocket });

const subscription = promptwell.feed.follow.subscribe(
  { kinds: ['prompt.created', 'prompt.completed'] },
  {
    onData({ data }) {
      if (data.kind === 'ready') {
        console.log('listening');
        void promptwell.prompts.create.mutate({ text: 'Which museums in Lisbon are open on Mondays?' });
        return;
      }
      console.log(`${data.kind}: ${data.prompt.text}`);
      if (data.kind === 'prompt.completed') subscription.unsubscribe();
    },
    onError: console.error,
  },
);
