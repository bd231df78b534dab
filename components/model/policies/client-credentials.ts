import type { ExternalServiceSettings } from "../../settings/sections/external-services";
import {
  certificateFields,
  type ExternalTlsSettings,
  type ExternalTrafficPolicySettings,
  type TrafficPolicySettings,
} from "../../settings/sections/traffic-policy";
import type { SettingPath } from "../../shared/problem";
import { copyWithField, mapKnown } from "../../shared/unknown";
import { clientCredentialName } from "../object-names";

/** Certificates of `talos-mesh:secrets` that a proxy presents to an external service, or verifies it by: one Secret. */
export interface ClientCredential {
  /** Of the `tls` that names them. */
  readonly path: SettingPath;
  readonly name: string;
  /** That of the proxy which reads it: an egress gateway, a waypoint, or the sidecar of a client. */
  readonly namespace: string;
  /** Names of secrets. */
  readonly secrets: CertificateSecrets;
}

type CertificateSecrets = { readonly [Field in (typeof certificateFields)[number]]?: string };

type Subset = ExternalServiceSettings["subsets"][number];

/** Settings in which `credentialName` is in the place of secrets. */
export interface SettledSettings extends Omit<ExternalServiceSettings, "trafficPolicy" | "subsets"> {
  readonly trafficPolicy?: TrafficPolicySettings | undefined;
  readonly subsets: readonly (Omit<Subset, "trafficPolicy"> & {
    readonly trafficPolicy?: TrafficPolicySettings | undefined;
  })[];
}

/** @param name of the service, where it is needed */
export function settledSettings(entry: ExternalServiceSettings, name: () => string): SettledSettings {
  const withPolicy = copyWithField(
    entry,
    "trafficPolicy",
    () => entry.trafficPolicy && settledPolicy(entry.trafficPolicy, name),
  );
  return copyWithField(withPolicy, "subsets", () =>
    mapKnown(entry.subsets, ({ trafficPolicy, ...subset }) => {
      return { ...subset, ...(trafficPolicy && { trafficPolicy: settledPolicy(trafficPolicy, name, subset.name) }) };
    }),
  );
}

function settledPolicy(
  { tls, portLevelSettings, ...others }: ExternalTrafficPolicySettings,
  name: () => string,
  ...part: readonly string[]
): TrafficPolicySettings {
  const levels = portLevelSettings?.map(({ tls: ofPort, ...level }) => {
    return { ...level, ...(ofPort && { tls: settledTls(ofPort, name, ...part, String(level.port.number)) }) };
  });
  return {
    ...others,
    ...(tls && { tls: settledTls(tls, name, ...part) }),
    ...(levels && { portLevelSettings: levels }),
  };
}

function settledTls(tls: ExternalTlsSettings, name: () => string, ...part: readonly string[]) {
  const { clientCertificate, privateKey, caCertificates, ...others } = tls;
  // Validation refuses files next to secrets.
  if (hasSecrets(tls)) return { ...others, credentialName: clientCredentialName(name(), ...part) };
  const files = Object.entries({ clientCertificate, privateKey, caCertificates });
  return { ...others, ...Object.fromEntries(files.filter(([, file]) => typeof file === "string")) };
}

/** The Secrets that the settled settings name. */
export function clientCredentials(
  { trafficPolicy, subsets }: ExternalServiceSettings,
  path: SettingPath,
  name: () => string,
): Omit<ClientCredential, "namespace">[] {
  const all = [
    ...ofPolicy(trafficPolicy, ["trafficPolicy"]),
    ...subsets.flatMap((subset, index) =>
      ofPolicy(subset.trafficPolicy, ["subsets", index, "trafficPolicy"], subset.name),
    ),
  ];
  return all
    .filter(({ tls }) => hasSecrets(tls))
    .map(({ tls, at, part }) => {
      return { path: [...path, ...at], name: clientCredentialName(name(), ...part), secrets: secretsOf(tls) };
    });
}

function ofPolicy(policy: ExternalTrafficPolicySettings | undefined, at: SettingPath, ...part: readonly string[]) {
  const { tls, portLevelSettings = [] } = policy ?? {};
  return [
    ...(tls ? [{ tls, at: [...at, "tls"], part }] : []),
    ...portLevelSettings.flatMap(({ tls: ofPort, port }, index) =>
      ofPort
        ? [{ tls: ofPort, at: [...at, "portLevelSettings", index, "tls"], part: [...part, String(port.number)] }]
        : [],
    ),
  ];
}

function hasSecrets(tls: ExternalTlsSettings): boolean {
  return Object.keys(secretsOf(tls)).length > 0;
}

export function secretsOf(tls: ExternalTlsSettings): CertificateSecrets {
  return Object.fromEntries(
    certificateFields.flatMap((field) => {
      const given = tls[field];
      return typeof given === "object" ? [[field, given.secret]] : [];
    }),
  );
}
