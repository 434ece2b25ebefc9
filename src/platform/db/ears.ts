type Wake = (payload: string) => void;

/** Who listens to which channel. */
export class Ears {
  readonly #channels = new Map<string, Set<Wake>>();

  /** The channels with at least one listener. */
  get channels(): string[] {
    return [...this.#channels.keys()];
  }

  /** Adds a listener; true when it is the channel's first. */
  add(channel: string, onWake: Wake): boolean {
    const ears = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, ears.add(onWake));
    return ears.size === 1;
  }

  /** Removes a listener; true when it was the channel's last. */
  remove(channel: string, onWake: Wake): boolean {
    const ears = this.#channels.get(channel);
    if (ears === undefined || !ears.delete(onWake) || ears.size > 0) return false;
    return this.#channels.delete(channel);
  }

  /** Wakes the listeners of one channel. */
  wake(channel: string, payload: string): void {
    for (const onWake of this.#channels.get(channel) ?? []) onWake(payload);
  }

  /** Wakes everyone with '': notifications may have been missed. */
  wakeAll(): void {
    for (const channel of this.channels) this.wake(channel, '');
  }
}
