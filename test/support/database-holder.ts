import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export type DatabaseHolder = {
  pid: number;
  /** The next line that it prints. */
  line: () => Promise<string | undefined>;
  /** Stores a line; resolves when it is safe. */
  note: (text: string) => Promise<void>;
  kill: (signal: NodeJS.Signals) => Promise<void>;
};

/** Starts `hold-database` in a process of its own, killed with the test. */
export function holdDatabase(t: Test, ...args: string[]): DatabaseHolder {
  const compiled = import.meta.filename.endsWith('.js');
  const program = fileURLToPath(new URL(`./hold-database.${compiled ? 'js' : 'ts'}`, import.meta.url));
  const loader = compiled ? [] : ['--import', 'tsx'];
  const child = spawn(process.execPath, [...loader, program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string | undefined> => (await lines.next()).value;
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  t.teardown(() => kill('SIGKILL'));
  const note = async (text: string): Promise<void> => {
    child.stdin.write(`${text}\n`);
    const answer = await line();
    if (answer !== text) throw new Error(`the note was not stored: ${answer}`);
  };
  return { pid: child.pid ?? 0, line, note, kill };
}
