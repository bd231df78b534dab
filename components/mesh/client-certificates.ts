import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ExternalService } from "../model/policies/external-services";
import { Layer, type LayerOptions } from "../shared/layer";
import { own } from "../shared/own";

export interface ClientCertificatesArgs {
  readonly services: readonly ExternalService[];
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** Fields of a traffic policy's `tls`, and the keys of a Secret that istiod reads for them. */
const keys = { clientCertificate: "tls.crt", privateKey: "tls.key", caCertificates: "ca.crt" } as const;

/**
 * Certificates that proxies need for services outside the mesh: Secrets in the namespace of the proxy that reads them, an
 * egress gateway, a waypoint or one client's sidecar.
 *
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
 */
export class ClientCertificates extends Layer {
  constructor(name: string, { services, secrets }: ClientCertificatesArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:ClientCertificates", name, opts);
    for (const credential of services.flatMap(({ credentials }) => credentials ?? [])) {
      const { namespace, name: secret } = credential;
      const stringData: Record<string, pulumi.Input<string>> = {};
      for (const [field, key] of Object.entries(keys)) {
        const text = own(secrets, own(credential.secrets, field) ?? "");
        if (text) stringData[key] = text;
      }
      const metadata = { name: secret, namespace };
      new kubernetes.core.v1.Secret(
        `${name}-${namespace}/${secret}`,
        { metadata, type: "Opaque", stringData },
        this.child,
      );
    }
    this.registerOutputs();
  }
}

/** None where no service has such a certificate. */
export function clientCertificates(name: string, args: ClientCertificatesArgs, opts?: LayerOptions) {
  return args.services.some(({ credentials }) => credentials?.length) ? [new ClientCertificates(name, args, opts)] : [];
}
