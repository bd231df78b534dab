import { z } from "zod";

/** Hints for keys that users expect in an object and that it does not have. */
export const expectedElsewhere = z.registry<Readonly<Record<string, string>>>();

/** A Kubernetes name of the strict kind (RFC 1123 label): namespaces, Services, ports. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "expected a DNS label: lower-case letters, digits and '-', at most 63");

/** A Kubernetes object name (RFC 1123 subdomain). */
export const dnsSubdomain = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "expected a DNS name: lower-case letters, digits, '-' and '.'",
  );

/** A host that clients name: a DNS name, `*.domain`, or `*` (checks limit where `*` is allowed). */
export const hostPattern = z
  .string()
  .max(253)
  .regex(
    /^(\*|(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/,
    "expected a DNS name, '*.' and a DNS name, or '*'",
  );

export const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, "expected a duration with its unit, such as 250ms, 3s, 5m or 1h");

export const percentage = z.number().min(0).max(100);

export const port = z.int().min(1).max(65535);

/** In Kubernetes' default range. */
export const nodePort = z.int().min(30000).max(32767);

export const quantity = z
  .string()
  .regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, "expected a quantity such as 100m, 0.5, 128Mi or 1Gi");

export const version = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, "expected a version such as 1.31.1");

const vVersion = (example: string) =>
  z.string().regex(/^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, `expected a version such as ${example}`);
export const kubernetesVersion = vVersion("v1.36.3");
export const talosVersion = vVersion("v1.13.9");

export const labels = z.record(z.string().min(1), z.string());

/** Names a value of `talos-mesh:secrets`, the only section with secrets. */
export const secretRef = z
  .strictObject({ secret: z.string().min(1).describe("Name of an entry of talos-mesh:secrets.") })
  .describe("Refers to an entry of talos-mesh:secrets by its name.");

export const resources = z
  .strictObject({
    requests: z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() }).optional(),
    limits: z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() }).optional(),
  })
  .describe("Kubernetes resource requests and limits.");

/** An optional list that has entries where it is given. */
export const some = <Schema extends z.ZodType>(entry: Schema) => z.array(entry).min(1).optional();

/** true or false, or left to a default elsewhere. */
export const flag = (description: string) => z.boolean().optional().describe(description);

/** true or false, by default false. */
export const off = (description: string) => z.boolean().default(false).describe(description);

/** Name: values, one of which is expected. */
export const valuesByName = z.record(z.string(), z.array(z.string()).min(1)).optional();

/** Helm values or an object's free part: any JSON, kept as it is. */
export const freeForm = z.record(z.string(), z.json());

export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"] as const;

/** A block of addresses, or one address, which is a block of its own. */
export const ipBlock = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "expected an IP address or a CIDR such as 10.0.0.0/8",
});

export const stringMatch = z
  .strictObject({
    exact: z.string().optional(),
    prefix: z.string().min(1).optional(),
    regex: z.string().min(1).max(1024).describe("RE2; the whole string must match.").optional(),
  })
  .refine(
    (match) => Object.values(match).filter((value) => value !== undefined).length === 1,
    "expected exactly one of: exact, prefix, regex",
  );
