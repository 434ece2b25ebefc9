import { type FetchProgress, fetchModel } from '../platform/embedding/fetch-model.js';
import { progressBar } from './bar.js';
import type { Terminal } from './terminal.js';

/** Fetches the neural model's files into the model folder, going on where an earlier fetch stopped. */
export async function fetchModelFiles({ config, output, notes, signal }: Terminal): Promise<void> {
  const { modelDir, mirrorUrl } = config().embedding;
  const bar = progressBar(notes, '{bar} {percentage} % of {megabytes} MB  {file}');
  let isStarted = false;
  const onProgress = ({ file, fetchedBytes, totalBytes }: FetchProgress): void => {
    const facts = { file, megabytes: (totalBytes / 1e6).toFixed(0) };
    if (!isStarted) bar.start(totalBytes, fetchedBytes, facts);
    isStarted = true;
    bar.update(fetchedBytes, facts);
  };
  const folder = await fetchModel({ modelDir, mirrorUrl, signal, onProgress }).finally(() => bar.stop());
  output.write(
    `The neural model is complete in ${folder}; from its next start on the service fills its space, and then moves to it.\n`,
  );
}
