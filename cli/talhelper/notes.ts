/** What the user has to know about an import, with the path in the talconfig. */
export class Notes {
  /** Not imported, with the reason. */
  readonly lost: string[] = [];
  /** Imported, but to be checked. */
  readonly remarks: string[] = [];
  /** Without these nothing is imported. */
  readonly missing: string[] = [];

  readonly lose = addingTo(this.lost);
  readonly remark = addingTo(this.remarks);
  readonly miss = addingTo(this.missing);
}

/** What is found twice, as in a file that several nodes have, has one note. */
const addingTo = (lines: string[]) => (at: string, text: string) => {
  const line = `${at}: ${text}`;
  if (!lines.includes(line)) lines.push(line);
};
