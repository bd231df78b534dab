import { z } from "zod";

/** The environment variable with the request: the only input of `embedded-cluster.cjs`. */
export const requestVariable = "TALOS_MESH_CLUSTER";

const schema = z.strictObject({
  /** The stack that the cluster belongs to; its files are in `.talos-mesh/<stack>`. */
  stack: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "letters, digits, dots, dashes and underscores"),
  /** The cluster's name; nodes are `<name>-control-plane` and `<name>-worker-N`. */
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, "at most 40 lower-case letters, digits and dashes"),
  kubernetesVersion: z.string().regex(/^v1\.\d+\.\d+$/, "a full version such as v1.36.3"),
  workers: z.number().int().min(0).max(100),
  /** @default a free port */
  apiServerPort: z.number().int().min(1024).max(65535).optional(),
  /** See `nextIncarnation` in status.ts. */
  incarnation: z.number().int().min(1),
});

export type ClusterRequest = Readonly<z.infer<typeof schema>>;

export function parseRequest(request: unknown): ClusterRequest {
  const result = schema.safeParse(request);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `  ${path.join(".") || "(whole)"}: ${message}`);
  throw new Error([`${requestVariable}:`, ...problems].join("\n"));
}
