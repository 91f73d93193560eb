/** What a command is: its arguments after its name, and what tells it to stop. */
export interface CommandContext {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}
export type Command = (argv: readonly string[], context: CommandContext) => Promise<void>;
