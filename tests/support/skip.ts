/**
 * Leaves out the running test, or every test of the running hook's suite, and reports the reason. A test that
 * is skipped without a reason counts as failed.
 *
 * @param reason completes the sentence "skipped, because ..."
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Runnable & { skipReason?: string; type?: string };
  const target = (runnable.type === "hook" ? runnable.parent : runnable) as { skipReason?: string } | undefined;
  if (target) target.skipReason = reason;
  return context.skip();
}
