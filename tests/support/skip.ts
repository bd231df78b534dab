/**
 * Leaves out the running test, or every test of the running hook's suite, and says why: the reason stands in the
 * report, and a test that is skipped without one counts as failed.
 *
 * @param reason completes the sentence "skipped, because ..."
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Runnable & { skipReason?: string; type?: string };
  const target = (runnable.type === "hook" ? runnable.parent : runnable) as { skipReason?: string } | undefined;
  if (target) target.skipReason = reason;
  return context.skip();
}
