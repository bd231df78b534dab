/** The entry of a record by a name that may be anything, such as `constructor`, which every object inherits. */
export function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  // eslint-disable-next-line own-keys/index -- the one place that looks first
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
