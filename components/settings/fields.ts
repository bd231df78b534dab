import { z } from "zod";
import { count } from "./quantities";

/** A string of which the whole has this form: the source of a regular expression. */
export const form = (source: string, expected: string, longest?: number) =>
  (longest === undefined ? z.string() : z.string().max(longest)).regex(new RegExp(`^${source}$`), expected);

export const subdomain = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/** Hints for keys that users expect in an object and that it does not have. */
export const expectedElsewhere = z.registry<Readonly<Record<string, string>>>();

/** A Kubernetes name of the strict kind (RFC 1123 label): namespaces, Services, ports. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "expected a DNS label: lower-case letters, digits and '-', at most 63");

/** What a policy applies to (components/model/names.ts, findTarget). */
export const targetReference = form(
  "(\\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(/(\\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?))?)",
  "expected a workload or a gateway, namespace/workload, namespace/*, or * for the whole mesh",
);

/** A Kubernetes object name (RFC 1123 subdomain). */
export const dnsSubdomain = form(subdomain, "expected a DNS name: lower-case letters, digits, '-' and '.'", 253);

/** A DNS name of a host, each label of which has at most 63 characters. */
export const fqdn = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*";

export const hostName = form(fqdn, "expected a DNS name: lower-case letters, digits, '-' and '.'", 253);

/** A Service by its full name, which may have its namespace in front. */
export const serviceHost = form(
  `([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?${fqdn}`,
  "expected a full name, such as opa.opa.svc.cluster.local",
  253,
);

/** A host that clients name: a DNS name, `*.domain`, or `*` (checks limit where `*` is allowed). */
export const hostPattern = form(`(\\*|(\\*\\.)?${fqdn})`, "expected a DNS name, '*.' and a DNS name, or '*'", 253);

/** A host outside the mesh. Without a dot it would be a Service; a last label of digits is that of an IP address. */
export const externalHost = form(
  `(\\*|(\\*\\.|(?=[^.]+\\.))(?!(.*\\.)?\\d+$)${fqdn})`,
  "expected a DNS name with a dot, or '*.' and a DNS name; an IP address belongs to addresses of an entry of traffic.externalServices",
  253,
);

export const port = count(1, 65_535);

export const portDigits = "([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d\\d|655[0-2]\\d|6553[0-5])";

/** A port as a key of a mapping. */
export const portKey = form(portDigits, "expected a port, 1 to 65535");

/** In Kubernetes' default range. */
export const nodePort = count(30_000, 32_767);

const [ipv4, ipv6] = [z.regexes.ipv4, z.regexes.ipv6].map(({ source }) => source.replace(/^\^|\$$/g, ""));

/** A name whose last label is a number is an IPv4 address to readers of URLs. */
const urlHost = `(${ipv4}|\\[(${ipv6})\\]|([A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?\\.)*(?!\\d+(:|/|\\?|#|$))[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\\.?)`;

const url = (scheme: string, example: string) =>
  form(
    `${scheme}://${urlHost}(:${portDigits})?([/?#]([^\\s%]|%[0-9A-Fa-f]{2})*)?`,
    `expected an address such as ${example}`,
    2048,
  );

export const httpUrl = url("https?", "https://example.com/path");

/** A name or an address at which a machine is reached. */
export const hostAddress = form(
  `(${urlHost}|${ipv6})`,
  "expected a DNS name or an IP address, without scheme and port",
);

/** What a client calls a server: the header Host. */
export const authority = form(
  `${urlHost}(:${portDigits})?`,
  "expected a host, or host:port, such as shop.example.com",
  253,
);

/** Of a certificate. */
export const subjectName = form(
  `(${ipv6}|(\\*\\.)?${urlHost})`,
  "expected a DNS name, which may begin with '*.', or an IP address",
);

/** Clients append the paths of the API. */
export const apiServerUrl = form(
  `https://${urlHost}(:${portDigits})?/?`,
  "expected an address such as https://192.168.128.27:6443",
  2048,
);

/** Of a file or a folder. */
export const filePath = form("[^\\x00-\\x1f\\x7f]+", "expected a path of one line, without control characters", 4096);

/** A host and its port: `alertmanager.example.com:9093`. */
export const hostAndPort = form(`${urlHost}:${portDigits}`, "expected host:port, with a port of 1 to 65535");

export const version = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, "expected a version such as 1.31.1");

const vVersion = (example: string) =>
  z.string().regex(/^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, `expected a version such as ${example}`);
export const kubernetesVersion = vVersion("v1.36.3");
export const talosVersion = vVersion("v1.13.9");

const qualifiedName = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";

/** A key of a label, an annotation or a taint. Source: k8s.io/apimachinery, pkg/util/validation, IsQualifiedName. */
export const labelKey = form(
  `((?=[^/]{1,253}/)${subdomain}/)?${qualifiedName}`,
  "expected a name of letters, digits, '-', '_' and '.', at most 63, or a DNS name, '/' and such a name",
);

/** Kubernetes compares the DNS names of annotations without regard to case. */
const annotationKey = form(
  `((?=[^/]{1,253}/)[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?${qualifiedName}`,
  "expected a name of letters, digits, '-', '_' and '.', at most 63, or a DNS name, '/' and such a name",
);

const labelValue = form(`(${qualifiedName})?`, "expected letters, digits, '-', '_' and '.', at most 63");

export const labels = z.record(labelKey, labelValue);

export const annotations = z.record(annotationKey, z.string());

/** Keys with `value:Effect`, as Talos writes them. Source: siderolabs/talos, pkg/machinery/labels, ValidateTaints. */
export const taints = z.record(
  labelKey,
  form(
    `((${qualifiedName})?:)?(NoSchedule|PreferNoSchedule|NoExecute)`,
    "expected value:Effect with an effect of NoSchedule, PreferNoSchedule or NoExecute",
  ),
);

/** No message repeats it: it may be the secret itself, in the wrong place. */
export const secretName = z.string().min(1).describe("Name of an entry of talos-mesh:secrets.");

/** Names a value of `talos-mesh:secrets`, the only section with secrets. */
export const secretRef = z
  .strictObject({ secret: secretName })
  .describe("Refers to an entry of talos-mesh:secrets by its name.");

/** An optional list that has entries where it is given. */
export const some = <Schema extends z.ZodType>(entry: Schema) => z.array(entry).min(1).optional();

/** true or false, or left to a default elsewhere. */
export const flag = (description: string) => z.boolean().optional().describe(description);

/** true or false, by default false. */
export const off = (description: string) => z.boolean().default(false).describe(description);

/** Helm values or an object's free part: any JSON, kept as it is. */
export const freeForm = z.record(z.string(), z.json());

export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"] as const;

const token = "[-!#$%&'*+.^_`|~0-9A-Za-z]+";

export const headerName = form(token, "expected the name of a header, such as x-user", 256);

/** A header that a request is matched by. */
export const matchedHeader = form(
  `(:(method|scheme|authority|path)|@request\\.auth\\.claims[.[].+|${token})`,
  "expected the name of a header, such as x-user",
  256,
);

/** A header that is set on a request; Envoy takes `host` for `:authority`. */
export const requestHeader = form(`(:authority|${token})`, "expected the name of a header, such as x-user", 256);

/** A header that is removed, or set on a response. */
export const changedHeader = form(
  `(?![Hh][Oo][Ss][Tt]$)${token}`,
  "expected the name of a header, such as x-user; host cannot be changed here",
  256,
);

/** In a header's value Envoy replaces `%VARIABLE%`; `%%` is a percent sign. */
export const headerValue = z
  .string()
  .max(4096)
  .regex(
    /^([^%\x00-\x08\x0a-\x1f\x7f]|%%|%[^%(]+(\([^)]*\) *)?%)*$/,
    "expected one line, in which a percent sign is written as %%",
  );

const imageName =
  `([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:${portDigits})?/)?` +
  "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*";
const tag = "[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}";
const digest = "sha256:[0-9a-f]{64}";

export const imageTag = form(`${tag}(@${digest})?`, "expected the tag of an image: letters, digits, '_', '-' and '.'");

/** Source: github.com/distribution/reference. */
export const image = form(
  `${imageName}(:${tag})?(@${digest})?`,
  "expected an image such as registry.example.com/mesh/fortio:1.66.0",
  500,
);

/** A registry, or a registry and a path: `docker.io`, `registry.example.com:5000/mesh`. */
export const imagePrefix = form(
  `${fqdn}(:${portDigits})?(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*`,
  "expected a registry, or a registry and a path, such as docker.io or registry.example.com:5000/mesh",
  255,
);

export const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: "expected an IP address" });

/** A block of addresses, or those from the first to the last. */
export const addressRange = z.union(
  [z.cidrv4(), z.cidrv6(), z.string().regex(new RegExp(`^(${ipv4}-${ipv4}|(${ipv6})-(${ipv6}))$`))],
  { error: "expected a CIDR such as 192.0.2.0/27, or a range such as 192.0.2.10-192.0.2.50" },
);

/** A block of addresses, or one address, which is a block of its own. */
export const ipBlock = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "expected an IP address or a CIDR such as 10.0.0.0/8",
});

/** A mapping with exactly one of several fields. A check of its own, so that other mistakes in it are reported as well. */
export function exactlyOneOf<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  fields: readonly (keyof Shape & string)[] = Object.keys(shape),
) {
  const given = (value: object) => fields.filter((field) => (value as Record<string, unknown>)[field] !== undefined);
  return z
    .strictObject(shape)
    .refine((value) => given(value).length === 1, {
      error: ({ input }) => {
        const found = given(input as object).join(", ") || "none";
        return `found ${found}; expected exactly one of: ${fields.join(", ")}`;
      },
      when: ({ value }) => typeof value === "object" && value !== null && !Array.isArray(value),
    })
    .meta({ oneOf: fields.map((field) => ({ required: [field] })) });
}

const stringForms = {
  exact: z.string().optional(),
  prefix: z.string().min(1).optional(),
  regex: z.string().min(1).max(1024).describe("RE2; the whole string must match.").optional(),
};

export const stringMatch = exactlyOneOf(stringForms);

/** Of a header or a query parameter, which a request may have or not. */
export const valueMatch = exactlyOneOf({
  ...stringForms,
  present: z.literal(true).optional().describe("Any value."),
});

/** Of a path. */
export const pathMatch = exactlyOneOf({
  ...stringForms,
  prefix: stringForms.prefix.describe("Any beginning: /shop is also that of /shopping."),
  pathPrefix: z.string().min(1).optional().describe("Whole segments: /shop and /shop/cart, not /shopping."),
});
