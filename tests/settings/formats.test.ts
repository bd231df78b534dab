import assert from "node:assert/strict";
import { z } from "zod";
import * as fields from "../../components/settings/fields";
import * as quantities from "../../components/settings/quantities";
import { settingsSchema } from "../../components/settings/schema";
import { schemaAt, unwrap } from "../../components/settings/schema-walk";
import { checkFormats, type Formats } from "./check-formats";
import { trafficPolicy } from "../../components/settings/sections/traffic-policy";

/** Values that a field takes, and values that Kubernetes, Istio or Talos would refuse. */
const formats: Formats = {
  duration: [
    quantities.duration,
    ["1ms", "1.5s", "250ms", "1h30m", "0.001s", "99999h", "0s1ms"],
    ["0s", "0ms", "0.0001s", "0.5ms", "1.5ms", "1us", "5", "1d", "-1s", "100000h", "1s1s1s1s1s", "", " 1s", "1s\n", 3],
  ],
  "duration or zero": [quantities.durationOrZero, ["0s", "0ms", "5m"], ["0", "-1s", "1ns"]],
  "whole seconds": [quantities.seconds, ["1s", "24h", "1m30s"], ["0s", "500ms", "1.5s"]],
  count: [quantities.count(1), [1, 2 ** 31 - 1], [0, -1, 1.5, 2 ** 31, "1", null, Number.NaN]],
  percentage: [quantities.percentage, [0, 0.0001, 0.5, 100], [-1, 0.00001, 100.1, "50"]],
  cpu: [
    quantities.cpuQuantity,
    ["1", "100m", "0.5", ".5", "1e3", "500u", "2E", "1."],
    ["-1", "+1", "1 m", "1Mib", "100Mi", "m", "", "1mm", 1],
  ],
  memory: [quantities.memoryQuantity, ["128Mi", "1e9", "0.5Gi", "64k"], ["128MB", "128m", "1K", "1 Gi", "-1Gi"]],
  storage: [quantities.storageQuantity, ["1Gi", "0.1Ti"], ["0", "0Gi", "0.0Gi", "0e3", "-1Gi"]],
  port: [fields.port, [1, 65_535], [0, 65_536, 99_999, "80", 80.5]],
  "port as a key": [fields.portKey, ["1", "65535", "8080"], ["0", "65536", "99999", "08", "http", "-1"]],
  labels: [
    fields.labels,
    [{ app: "x" }, { "example.com/App_1.x": "" }, { a: "A.b-c_1" }],
    [
      { "": "x" },
      { "-a": "x" },
      { "a b": "x" },
      { "A.com/a": "x" },
      { "/a": "x" },
      { "a/b/c": "x" },
      { a: "-x" },
      { a: "x y" },
      { ["a".repeat(64)]: "x" },
      { a: "x".repeat(64) },
      { [`${"a".repeat(254)}/b`]: "x" },
    ],
  ],
  annotations: [fields.annotations, [{ "Example.com/a": "any text: 1\n" }], [{ "a b": "x" }, { a: 1 }, { "": "" }]],
  taints: [
    fields.taints,
    [{ a: "value:NoSchedule" }, { a: ":NoExecute" }, { a: "PreferNoSchedule" }],
    [
      { a: "value" },
      { a: "value:Never" },
      { a: "a b:NoSchedule" },
      { "a b": "x:NoSchedule" },
      { a: "x:y:NoSchedule" },
      { a: "" },
    ],
  ],
  "header name": [
    fields.headerName,
    ["x-user", "X_Y", "a!#$%&'*+.^`|~"],
    ["", " ", "a b", "a:b", ":path", "é", "x\n", "a".repeat(257)],
  ],
  "matched header": [
    fields.matchedHeader,
    [":method", ":path", "x-user", "@request.auth.claims.group"],
    ["", ":status", ":", "@x", "a b"],
  ],
  "set header": [fields.requestHeader, ["host", ":authority", "x"], ["", ":path", "a b"]],
  "removed header": [fields.changedHeader, ["x"], ["", "Host", "host", ":authority"]],
  "header value": [
    fields.headerValue,
    ["", "a b", "%REQ(X)%", "100%%", "%HOSTNAME%-x"],
    ["100%", "a\nb", "%START", "%%%"],
  ],
  "http address": [
    fields.httpUrl,
    ["https://a.example.com/jwks.json", "http://localhost:3000", "https://10.0.0.1", "https://[::1]:8443/x?a=b%20c"],
    [
      "ftp://a",
      "https://",
      "https:///x",
      "https://a:0",
      "https://a:99999",
      "https://a b",
      "https://1.2.3.4.5",
      "https://999.1.1.1",
      "a.com",
      "https://a/%zz",
    ],
  ],
  "address of an API server": [
    fields.apiServerUrl,
    ["https://192.168.1.2:6443", "https://api.example.com", "https://[2001:db8::1]:6443/"],
    ["http://a:6443", "https://a:0", "anything", "https://a/path", "https://a:6443?x=y", "https://a:6443#x"],
  ],
  "path of a file": [fields.filePath, ["a", "./a b/c", "~/x"], ["", "a\nb", "a\0", "a".repeat(4097)]],
  authority: [
    fields.authority,
    ["a.example.com", "a:80", "[::1]:80", "10.0.0.1"],
    ["", "a b", "a:0", "http://a", "a/b"],
  ],
  "host and port": [
    fields.hostAndPort,
    ["a.b:9093", "192.0.2.1:9093", "[2001:db8::1]:9093"],
    ["a.b", "a.b:0", "http://a:1", "a..b:1", "192.0.2.300:1"],
  ],
  image: [
    fields.image,
    ["fortio", "docker.io/fortio/fortio:1.66.0", `a/b@sha256:${"0".repeat(64)}`, "localhost:5000/a__b/c-d:x"],
    ["", "a/B", "a:", "a:b c", "a/b:-x", "a..b", "a/b@sha256:0", "https://a/b", `a:${"x".repeat(129)}`],
  ],
  "image tag": [fields.imageTag, ["1.20.3", "v1_x", "latest"], ["", "-x", ".x", "a b", "a/b", "a:b", "x".repeat(129)]],
  "image prefix": [
    fields.imagePrefix,
    ["docker.io", "r.example.com:5000/mesh/a"],
    ["", "https://a", "a:0", "a//b", "a/b..c", "a/B"],
  ],
  "host name": [fields.hostName, ["cluster.local", "a"], ["", "A.b", "a..b", ".a", "a.", `${"a".repeat(64)}.b`]],
  "host pattern": [fields.hostPattern, ["*", "*.a.b", "a"], ["*a", "a.*", `${"a".repeat(64)}.b`]],
  "string match": [
    fields.stringMatch,
    [{ exact: "" }, { prefix: "/" }],
    [{}, { exact: "a", regex: "b" }, { prefix: "" }, { exact: 1 }],
  ],
  "status of a retry": [
    at("traffic.defaultRetries.retryOn"),
    ["5xx", "5xx,reset,503", "425"],
    ["", "5xx, reset", "unknown", "999", ",5xx"],
  ],
  "status on error": [
    at("security.extensionProviders.0.envoyExtAuthzGrpc.statusOnError"),
    ["503", "403"],
    ["0", "999", "600", "5"],
  ],
  "address of a machine": [
    fields.hostAddress,
    ["10.0.0.1", "::1", "node.example.com"],
    ["", "http://a", "a:80", "10.0.0.300"],
  ],
  "name in a certificate": [
    fields.subjectName,
    ["*.a.b", "10.0.0.1", "::1", "Node.example.com"],
    ["", "a b", "a.*", "https://a"],
  ],
  "name of a service": [
    at("security.extensionProviders.0.envoyExtAuthzGrpc.service"),
    ["opa.opa.svc.cluster.local", "opa/opa.example.com"],
    ["", "a b", "a:80", "http://a"],
  ],
  "request body": [
    at("security.extensionProviders.0.envoyExtAuthzGrpc.includeRequestBodyInCheck.maxRequestBytes"),
    [1, 2 ** 32 - 1],
    [0, 2 ** 32],
  ],
  "claims to headers": [
    at("security.jwt.0.claimsToHeaders"),
    [{ "a.b": "x-user_1" }],
    [{ a: "x.y" }, { a: "" }, { "": "x" }, { a: "x y" }],
  ],
  locality: [
    trafficPolicy.shape.loadBalancer.unwrap().shape.localityLbSetting.unwrap().shape.distribute.unwrap(),
    [[{ from: "*", to: { "a/b/*": 100 } }], [{ from: "a/b/c", to: { a: 1 } }]],
    [[], [{ from: "a", to: { b: 0 } }], [{ from: "*/b", to: { b: 100 } }], [{ from: "a/b/c/d", to: { b: 100 } }]],
  ],
  "cpu utilization": [at("gateways.x.autoscale.cpuUtilization"), [1, 100], [0, 101, 70.5]],
  contract: [
    at("cluster.contract", { cluster: { kind: "talos" } }),
    ["v1.9", "v1.13"],
    ["v0.9", "1.9", "v2.0", "v1.13.0"],
  ],
};

/** @param value of the stack, by which unions are followed; any list or mapping will do elsewhere */
function at(path: string, value?: unknown): z.core.$ZodType {
  const keys = path.split(".");
  const inner = keys.reduceRight<unknown>((below, key) => (/^\d+$/.test(key) ? [below] : { [key]: below }), undefined);
  const schema = schemaAt(
    settingsSchema,
    keys.map((key) => (/^\d+$/.test(key) ? Number(key) : key)),
    value ?? inner,
  );
  return schema ?? assert.fail(path);
}

describe("formats of settings", () => {
  checkFormats(formats);

  it("say what they expect", () => {
    const silent: string[] = [];
    const seen = new Set<z.core.$ZodType>();
    const visit = (schema: z.core.$ZodType, path: string) => {
      const inner = unwrap(schema);
      if (seen.has(inner)) return;
      seen.add(inner);
      if (inner instanceof z.ZodString) {
        const issues = inner.safeParse("\n \u0000").error?.issues ?? [];
        const said = issues.some(({ code, message }) => code === "too_small" || message.startsWith("expected "));
        const startsWith = issues.some((issue) => issue.code === "invalid_format" && issue.format === "starts_with");
        if (issues.length > 0 && !said && !startsWith) silent.push(path);
      } else if (inner instanceof z.ZodObject) {
        for (const [key, field] of Object.entries(inner.shape)) visit(field as z.core.$ZodType, `${path}.${key}`);
      } else if (inner instanceof z.ZodArray) visit(inner.element, `${path}[]`);
      else if (inner instanceof z.ZodRecord) {
        visit(inner.keyType, `${path}{}`);
        visit(inner.valueType, `${path}.*`);
      } else if (inner instanceof z.ZodDiscriminatedUnion) inner.options.forEach((option) => visit(option, path));
      else if (inner instanceof z.ZodUnion && inner.def.error === undefined) silent.push(path);
    };
    visit(settingsSchema, "");
    assert.deepEqual(silent, []);
  });
});
