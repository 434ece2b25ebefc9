// A model server as a process of its own, for SIGSTOP: says its port, then answers nothing by itself.
import { createServer } from 'node:http';

const server = createServer(() => undefined);
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
