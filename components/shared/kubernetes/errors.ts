/** A response of the API server that is not a success; `message` is the server's own. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The API server does not serve the kind (yet): its CRD is missing. */
export class UnknownKindError extends Error {
  override readonly name = "UnknownKindError";
}

/** The connection to a command in a pod broke, or could not be made: the state of the command is unknown. */
export class ExecError extends Error {
  override readonly name = "ExecError";
}

/** Codes of connections that were refused or cut, of names and routes, and of certificates. */
const connectionCodes = /^(ECONN\w+|EHOST\w+|ENET\w+|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|\w*(CERT|SIGNATURE)\w*)$/;

/**
 * Whether the API server could not be reached or cannot answer for the moment. Such an error says nothing about the
 * request. A certificate error counts as well: another server may answer at the address of a cluster that is gone.
 */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  if (error instanceof ExecError) return true;
  return error instanceof Error && "code" in error && connectionCodes.test(String(error.code));
}

const passingCodes = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/**
 * Whether the same request may succeed a moment later: the API server, or a webhook that it calls, is starting; the kind's
 * CRD has just been applied; another client wrote the object at the same time (409).
 */
export function isTemporary(error: unknown): boolean {
  if (error instanceof UnknownKindError) return true;
  if (error instanceof ApiError) {
    const { status, message } = error;
    if ([409, 429, 502, 503, 504].includes(status)) return true;
    return status === 500 && /failed calling webhook|etcdserver|connection refused/.test(message);
  }
  return error instanceof Error && "code" in error && passingCodes.has(String(error.code));
}

/** The result of a request, or `otherwise` where the object, or its kind, does not exist. */
export async function ifFound<T, Otherwise>(request: Promise<T>, otherwise: Otherwise): Promise<T | Otherwise> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 404)) return otherwise;
    throw error;
  }
}

/** The result of a request, or `otherwise` where the login may not make it. */
export async function ifAllowed<T, Otherwise>(request: Promise<T>, otherwise: Otherwise): Promise<T | Otherwise> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return otherwise;
    throw error;
  }
}
