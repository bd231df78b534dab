import { secretsOf } from "../model/policies/client-credentials";
import {
  certificateFields,
  type ExternalTlsSettings,
  type LoadBalancerSettings,
} from "../settings/sections/traffic-policy";
import type { Refusal } from "../shared/problem";
import { atMostOne, type Check, notEmpty, refuse, rule, unique } from "./check";

const policies = [
  "traffic.services.*.trafficPolicy",
  "traffic.services.*.subsets.*.trafficPolicy",
  "traffic.externalServices.*.trafficPolicy",
  "traffic.externalServices.*.subsets.*.trafficPolicy",
] as const;

const localityKeys = ["distribute", "failover", "failoverPriority"] as const;

const ofExternal = [
  "traffic.externalServices.*.trafficPolicy",
  "traffic.externalServices.*.subsets.*.trafficPolicy",
] as const;

export const trafficPolicyChecks: readonly Check[] = [
  ...ofExternal.flatMap((policy) =>
    ([`${policy}.tls`, `${policy}.portLevelSettings.*.tls`] as const).map((tls) => rule(tls, secretCertificates)),
  ),
  ...policies.flatMap(policyChecks),
];

/** A proxy reads all of its certificates from one Secret, and without an authority in it none is complete. */
function secretCertificates(tls: ExternalTlsSettings): Refusal {
  const { mode, credentialName, insecureSkipVerify } = tls;
  const secrets = secretsOf(tls);
  if (Object.keys(secrets).length === 0) return undefined;
  const file = certificateFields.find((field) => typeof tls[field] === "string");
  const isPair = secrets.clientCertificate !== undefined && secrets.privateKey !== undefined;
  const client = secrets.clientCertificate === undefined ? "privateKey" : "clientCertificate";
  return [
    credentialName !== undefined && {
      credentialName: "found next to secrets, of which this program makes the Secret; remove one of the two",
    },
    file !== undefined && {
      [file]: "found a file next to secrets; a proxy reads all of them from one Secret; expected {secret: NAME}",
    },
    mode === "MUTUAL" &&
      file === undefined &&
      !isPair &&
      "MUTUAL needs clientCertificate and privateKey, both as {secret: NAME}",
    mode !== "MUTUAL" &&
      (secrets.clientCertificate ?? secrets.privateKey) !== undefined && {
        [client]: `mode ${mode} sends no client certificate; set mode: MUTUAL, or remove it`,
      },
    file === undefined &&
      insecureSkipVerify !== true &&
      secrets.caCertificates === undefined && {
        caCertificates:
          "missing; expected {secret: NAME} with the authority of the service, which proxies read from the same Secret",
      },
    mode === "MUTUAL" &&
      insecureSkipVerify === true &&
      secrets.caCertificates !== undefined && {
        caCertificates: "found next to insecureSkipVerify, which verifies nothing; remove one of the two",
      },
  ];
}

function policyChecks(policy: (typeof policies)[number]): Check[] {
  return [
    unique(`${policy}.portLevelSettings.*.port.number`, "port", policy),
    refuse(
      `${policy}.portLevelSettings.*`,
      (settings) => Object.keys(settings).length === 1,
      "expected at least one of: connectionPool, outlierDetection, loadBalancer, tls",
    ),
    ...([policy, `${policy}.portLevelSettings.*`] as const).flatMap((path) => [
      notEmpty(`${path}.connectionPool` as const, ["tcp", "http"]),
      refuse(
        `${path}.outlierDetection` as const,
        ({ consecutiveLocalOriginFailures = 0, splitExternalLocalOriginErrors }) =>
          consecutiveLocalOriginFailures > 0 && splitExternalLocalOriginErrors !== true,
        { consecutiveLocalOriginFailures: "counts only with splitExternalLocalOriginErrors: true; add it" },
      ),
      ...loadBalancerChecks(path),
    ]),
  ];
}

function loadBalancerChecks(
  path: (typeof policies)[number] | `${(typeof policies)[number]}.portLevelSettings.*`,
): Check[] {
  const loadBalancer = `${path}.loadBalancer` as const;
  const locality = `${loadBalancer}.localityLbSetting` as const;
  return [
    refuse(
      loadBalancer,
      (given) => Object.keys(given).length === 0,
      "found nothing; expected simple, consistentHash, localityLbSetting or warmup",
    ),
    refuse(
      loadBalancer,
      ({ consistentHash, simple }) => consistentHash !== undefined && simple !== undefined,
      "found simple and consistentHash; expected one of them",
    ),
    atMostOne(`${loadBalancer}.consistentHash` as const, ["ringHash", "maglev"]),
    rule(
      `${loadBalancer}.consistentHash.maglev.tableSize` as const,
      (size) => !isPrime(size) && `found ${size}; expected a prime number`,
    ),
    atMostOne(locality, localityKeys),
    rule(`${locality}.distribute.*`, ({ from, to }) => {
      const total = Object.values(to).reduce((sum, share) => sum + share, 0);
      return total !== 100 && { to: `shares from ${from} add up to ${total}; expected 100` };
    }),
    rule(
      `${locality}.failover.*` as const,
      ({ from, to }) => from === to && `found ${from} twice; expected another region to fail over to`,
    ),
    refuse(
      path,
      ({ loadBalancer: given, outlierDetection }) => {
        const { enabled, distribute } = given?.localityLbSetting ?? { enabled: false };
        return enabled !== false && !distribute && !outlierDetection;
      },
      {
        loadBalancer: {
          localityLbSetting:
            "fails over only where unhealthy pods are detected; add outlierDetection next to loadBalancer",
        },
      },
    ),
    rule(loadBalancer, warmup),
  ];
}

function warmup({ warmup: given, simple, consistentHash }: LoadBalancerSettings): Refusal {
  const other = simple === "RANDOM" || simple === "PASSTHROUGH" ? simple : consistentHash && "consistentHash";
  if (!given || other === undefined) return undefined;
  return { warmup: `goes with ROUND_ROBIN and LEAST_REQUEST only; found ${other}` };
}

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}
