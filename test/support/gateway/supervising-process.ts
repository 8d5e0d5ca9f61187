// Supervises the program that its arguments name.
import { supervise } from '../../../src/platform/process/supervise.js';

const [program = '', ...args] = process.argv.slice(2);
await supervise(program, args);
