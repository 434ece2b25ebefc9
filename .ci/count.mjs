// Prints "N passed, N failed" for a folder of vitest's JSON reports and the steps that failed; exits 1 on any failure.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.', ...failedSteps] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder)) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  passed += report.numPassedTests;
  // A file that does not load has no tests to fail: it counts as one itself.
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  failed += report.numFailedTests + unloadable.length;
}
const gates = failedSteps.filter((name) => !name.startsWith('test'));
failed += failedSteps.length > gates.length && failed === 0 ? 1 : 0;
failed += gates.length;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
