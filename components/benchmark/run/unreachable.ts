import { ApiError } from "../../shared/api-server";
import { ExecError } from "./exec";

/** Of connections, names and certificates: somebody else may answer at the address of a cluster that has gone. */
const codes = /^(ECONN\w+|EHOST\w+|ENET\w+|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|\w*(CERT|SIGNATURE)\w*)$/;

/** Whether the way to the cluster broke, or its API server cannot answer for the moment: it says nothing of what was asked. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  if (error instanceof ExecError) return true;
  return error instanceof Error && "code" in error && codes.test(String(error.code));
}
