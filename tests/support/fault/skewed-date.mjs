// For `node --import`: the date of the whole main thread is wrong by the milliseconds that the file SKEW_FILE holds,
// read anew twenty times a second. Worker threads are spared: the embedded engine runs in one, and database time is right.
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env.SKEW_FILE;
if (isMainThread && path !== undefined) {
  const RealDate = Date;
  let skewMs = 0;
  const look = () => {
    skewMs = Number(readFileSync(path, 'utf8')) || 0;
  };
  look();
  setInterval(look, 50).unref();
  globalThis.Date = class Date extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(RealDate.now() + skewMs);
      else super(...given);
    }

    static now() {
      return RealDate.now() + skewMs;
    }
  };
}
