const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A UUID as the database writes it, by which ids are compared; undefined for what is none. */
export function readUuid(text: string): string | undefined {
  const uuid = text.toLowerCase();
  return UUID.test(uuid) ? uuid : undefined;
}
