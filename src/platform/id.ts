import { v7 } from 'uuid';

/** A new identifier: UUID version 7 (RFC 9562 section 5.7), in the order of its making. */
export function newId(): string {
  return v7();
}
