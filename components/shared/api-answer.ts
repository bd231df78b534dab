import type { KubernetesObject } from "./kubernetes-object";

/** An object as the API server returns it. */
export interface LiveObject extends Omit<KubernetesObject<Record<string, unknown>>, "metadata" | "spec"> {
  readonly metadata: KubernetesObject["metadata"] & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly managedFields?: readonly { manager?: string; operation?: string; fieldsV1?: unknown }[];
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

/** Where an object is, without its content. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** An answer of the API server that is not a success; `message` is the server's own. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The API server does not know the kind (yet): its CRD is missing. */
export class UnknownKindError extends Error {}

/** As JSON where it is that. */
export function contentOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A Status' own words. */
export function messageOf(content: unknown): string | undefined {
  const message = (content as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : undefined;
}
