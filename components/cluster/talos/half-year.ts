/**
 * The half of the year, `2026-2`. Talos makes an administrator's certificate for a year. As an input of the step that
 * gets one, this has the first deployment of each half-year get a new one, and changes nothing in between.
 */
export function halfYear(now: Date): string {
  return `${now.getUTCFullYear()}-${now.getUTCMonth() < 6 ? 1 : 2}`;
}
