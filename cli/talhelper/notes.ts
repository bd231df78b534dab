/** What a person has to know about an import, and where in their file it stands. */
export class Notes {
  /** Not carried over, with the reason. */
  readonly lost: string[] = [];
  /** Carried over, with something to look at. */
  readonly remarks: string[] = [];
  /** Without these there is nothing to import. */
  readonly missing: string[] = [];

  lose(path: string, why: string): void {
    add(this.lost, `${path}: ${why}`);
  }

  remark(path: string, what: string): void {
    add(this.remarks, `${path}: ${what}`);
  }

  miss(path: string, what: string): void {
    add(this.missing, `${path}: ${what}`);
  }
}

/** A file that is read twice has its remarks once. */
function add(lines: string[], line: string): void {
  if (!lines.includes(line)) lines.push(line);
}
