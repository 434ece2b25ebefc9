// For the control of F03, by `node --import`: a disk that says yes to fsync and does nothing.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.fsyncSync = () => undefined;
syncBuiltinESMExports();
