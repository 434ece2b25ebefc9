/** What `work` comes to, or null if `outOfTime` fires first: then `work` goes on, and nobody hears how it ends. */
export function inTime<T>(work: Promise<T>, outOfTime: AbortSignal | undefined): Promise<T | null> {
  if (outOfTime === undefined) return work;
  return new Promise((resolve, reject) => {
    const late = (): void => resolve(null);
    outOfTime.addEventListener('abort', late, { once: true });
    if (outOfTime.aborted) late();
    void work.then(resolve, reject).finally(() => outOfTime.removeEventListener('abort', late));
  });
}
