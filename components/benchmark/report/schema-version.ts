/** Of report.json: another where a reader of the old one would misread the new. */
export const schemaVersion = 2;
