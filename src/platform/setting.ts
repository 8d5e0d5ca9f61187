import { readFileSync } from 'node:fs';

/** Parses the text of a setting. @throws SettingProblem */
export type Read<T> = (text: string, name: string) => T;

/** One environment variable: parser, default, and text of `--help`. */
export type Setting<T> = { name: string; read: Read<T>; fallback: string | undefined; help: string };

/** Error for an invalid setting; the message names the setting and the valid values. */
export class SettingProblem extends Error {}

export function fail(name: string, wanted: string, text: string): never {
  throw new SettingProblem(`${name} must be ${wanted}, not "${text}"`);
}

export const text: Read<string> = (value) => value;

export function whole(from: number, to: number): Read<number> {
  return (value, name) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < from || number > to || value.trim() === '')
      fail(name, `a whole number from ${from} to ${to}`, value);
    return number;
  };
}

export function decimal(from: number, to: number): Read<number> {
  return (value, name) => {
    const number = Number(value);
    if (!(number >= from && number <= to) || value.trim() === '')
      fail(name, `a number from ${from} to ${to}`, value);
    return number;
  };
}

export function oneOf<const T extends string>(...values: T[]): Read<T> {
  return (value, name) =>
    values.find((known) => known === value) ?? fail(name, `one of ${values.join(', ')}`, value);
}

export const yesOrNo: Read<boolean> = (value, name) => {
  if (/^(true|yes|1|on)$/i.test(value)) return true;
  if (/^(false|no|0|off)$/i.test(value)) return false;
  return fail(name, 'true or false', value);
};

export const url: Read<string> = (value, name) => {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) fail(name, 'an http(s) URL', value);
  return value.replace(/\/+$/, '');
};

/** Requires a minimum length in characters; the message omits the value. */
export function secretOf(minimum: number): Read<string> {
  return (value, name) => {
    if (value.length < minimum) throw new SettingProblem(`${name} must have at least ${minimum} characters`);
    return value;
  };
}

export const pemFile: Read<string> = (value, name) => {
  let pem: string;
  try {
    pem = readFileSync(value, 'utf8');
  } catch {
    return fail(name, 'the path of a readable PEM file', value);
  }
  if (!pem.includes('-----BEGIN ')) fail(name, 'the path of a PEM file', value);
  return pem;
};

/** Parses entries separated by commas; none when the text is `off`. */
export function list(each: (entry: string) => boolean, wanted: string): Read<string[]> {
  return (value, name) => {
    if (value === 'off') return [];
    const entries = value.split(',').map((entry) => entry.trim());
    if (!entries.every(each)) fail(name, wanted, value);
    return entries;
  };
}

export function setting<T>(
  name: string,
  read: Read<T>,
  fallback: string | undefined,
  help: string,
): Setting<T> {
  return { name, read, fallback, help };
}
