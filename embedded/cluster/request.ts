import { z } from "zod";

/** The environment variable that carries the request: the only input of `embedded-cluster.cjs`. */
export const requestVariable = "TALOS_MESH_CLUSTER";

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, "at most 40 lower-case letters, digits and dashes");

const schema = z.strictObject({
  /** The stack the cluster belongs to; names its folder `.talos-mesh/<stack>`. */
  stack: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "letters, digits, dots, dashes and underscores"),
  /** The cluster's name; nodes are `<name>-control-plane` and `<name>-worker-N`. */
  name,
  /** Such as `v1.36.3`. */
  kubernetesVersion: z.string().regex(/^v?1\.\d+\.\d+$/, "a full version such as v1.36.3"),
  workers: z.number().int().min(0).max(100),
  /** @default a free port */
  apiServerPort: z.number().int().min(1024).max(65535).optional(),
  /** Which life of the cluster this is (see incarnation.ts); `up` records it. */
  incarnation: z.number().int().min(1),
});

export type ClusterRequest = Readonly<z.infer<typeof schema>>;

/** @throws Error naming every field that is wrong. */
export function parseRequest(text: string | undefined): ClusterRequest {
  const problems = (lines: string[]) =>
    new Error([`${requestVariable}:`, ...lines.map((line) => `  ${line}`)].join("\n"));
  if (text === undefined || text === "") throw problems(["not set; it must hold the request as JSON"]);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw problems([`not JSON: ${text.slice(0, 200)}`]);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw problems(result.error.issues.map(({ path, message }) => `${path.join(".") || "(whole)"}: ${message}`));
}
