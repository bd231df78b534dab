/** It cannot be measured here, and why. */
export class NotMeasurable extends Error {
  override readonly name = "NotMeasurable";
}
