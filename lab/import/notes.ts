/** What a person has to know about an import, and where in their file it stands. */
export class Notes {
  /** Not carried over, with the reason. */
  readonly lost: string[] = [];
  /** Carried over, with something to look at. */
  readonly remarks: string[] = [];
  /** Without these there is nothing to import. */
  readonly missing: string[] = [];

  lose(path: string, why: string): void {
    this.lost.push(`${path}: ${why}`);
  }

  remark(path: string, what: string): void {
    this.remarks.push(`${path}: ${what}`);
  }

  miss(path: string, what: string): void {
    this.missing.push(`${path}: ${what}`);
  }
}
