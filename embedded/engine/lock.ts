import { mkdirSync } from "node:fs";
import { UserError } from "../program/errors";
import { withLock } from "../../components/shared/lock";
import type { StackLayout } from "./layout";

/**
 * Runs `work` while nobody else works on the stack. The lock of a killed process is taken over.
 *
 * @throws UserError naming the process that works on it already.
 */
export function alone<T>(layout: StackLayout, work: () => Promise<T>): Promise<T> {
  const purpose = "working on this stack";
  const onWait = ({ pid }: { readonly pid: number }): never => {
    throw new UserError(
      `Process ${pid} is ${purpose} already (it holds ${layout.lock}). Wait until it is done, or end it, then run this again.`,
    );
  };
  mkdirSync(layout.folder, { recursive: true, mode: 0o700 });
  return withLock(layout.lock, { waitMs: 0, purpose, onWait }, work);
}
