import type { Config } from '../config.js';

/** What a command talks to: the process's environment and streams, and when it is to stop. */
export interface Terminal {
  /** The configuration of the environment. Faults: `ConfigError`. */
  config: () => Config;
  input: NodeJS.ReadStream;
  /** For what the command was asked for. */
  output: NodeJS.WriteStream;
  /** For what is told beside it: progress and questions. */
  notes: NodeJS.WriteStream;
  /** Fires at the first Ctrl-C. */
  signal: AbortSignal;
}

/** Why a command cannot do what it was asked, in words for the person who asked. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  /** Without a message nothing is said: the output has said it. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
