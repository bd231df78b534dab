import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceOutputsRequest, RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { messageOf, UserError } from "../../components/shared/problem";
import { asSecret, isSecret } from "./secrets";
import { own } from "../../components/shared/own";

export interface Registration {
  /** As the Pulumi CLI forms it: `urn:pulumi:STACK::PROJECT::PARENT-TYPES$TYPE::NAME`. */
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** False for components, which only group resources. */
  readonly custom: boolean;
  /** Plain data; secrets wrapped, and in a preview unknown parts as the SDK marks them (see ./secrets). */
  readonly inputs: Record<string, unknown>;
  /** URN of the component that it belongs to. @default the stack */
  readonly parent?: string;
  /** URNs of the resources that it depends on, by `dependsOn` or through an input. */
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** `URN::ID` of its provider, where the program names one. */
  readonly provider?: string;
  readonly protect: boolean;
  readonly deletedWith?: string;
  readonly additionalSecretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly deleteBeforeReplace?: boolean;
  readonly customTimeouts?: { readonly create?: string; readonly update?: string; readonly delete?: string };
}

export interface ResourceHost {
  /**
   * Called when everything that the resource depends on is done; independent resources come at the same time. The state
   * is the resource's outputs: what it leaves out is the input of that name, or unknown in a preview.
   */
  register(registration: Registration): Promise<{ id?: string; state: Record<string, unknown> }>;
}

/** A resource that could not be deployed. `cause` is the error of the host. */
export class RegistrationError extends UserError {
  override readonly name = "RegistrationError";

  constructor(
    readonly urn: string,
    type: string,
    resource: string,
    cause: unknown,
  ) {
    super(`${resource} (${type}): ${messageOf(cause)}`, { cause });
  }
}

type RegisterResponse = ReturnType<typeof responseOf>;

const stackType = "pulumi:pulumi:Stack";

/** gRPC's CANCELLED: for the SDK the engine is shutting down, so it does not register what depends on the resource. */
const cancelled = 1;

/**
 * The SDK's mock monitor, extended to read every detail of a registration and to fail as a deployment does: after the first
 * failure no work begins, and work that has begun is finished.
 */
export class HostMonitor extends MockMonitor {
  readonly registrations: Registration[] = [];
  outputs: Record<string, unknown> = {};
  private readonly urns = new Set<string>();
  private stackUrn = "";
  private readonly inProgress = new Set<Promise<void>>();
  private stopped = false;

  constructor(
    private readonly host: ResourceHost,
    private readonly onFailure: (error: unknown) => void,
  ) {
    super({
      newResource: ({ type, name }) => {
        throw new Error(`${name} (${type}): this engine reads no existing resources`);
      },
      call: ({ token }) => {
        const details = `${token}: this engine has no functions of providers`;
        // Of the error the SDK prints the details only, as gRPC has them.
        throw Object.assign(new Error(details), { details });
      },
    });
  }

  /** Resolves when every registration that has begun has ended. No other begins after `stop`. */
  async idle(): Promise<void> {
    while (this.inProgress.size > 0) await Promise.all(this.inProgress);
  }

  stop(): void {
    this.stopped = true;
  }

  override registerResource(
    request: RegisterResourceRequest,
    callback: (error: unknown, response: RegisterResponse | undefined) => void,
  ): Promise<void> {
    // Without a response: the run has failed, and a deployment begins nothing after a failure.
    if (this.stopped) return Promise.resolve();
    const work = this.register(request).then(
      (response) => callback(null, response),
      (cause: unknown) => {
        const error = new RegistrationError(this.urnOf(request), request.getType(), request.getName(), cause);
        this.onFailure(error);
        callback({ code: cancelled, message: error.message }, undefined);
      },
    );
    this.inProgress.add(work);
    return work.finally(() => this.inProgress.delete(work));
  }

  private async register(request: RegisterResourceRequest): Promise<RegisterResponse> {
    const urn = this.urnOf(request);
    if (this.urns.has(urn)) throw new Error("is registered twice; two resources of a type and parent need two names");
    this.urns.add(urn);
    if (request.getType() === stackType) {
      this.stackUrn = urn;
      return responseOf(urn, "", {});
    }
    const registration = this.registrationOf(urn, request);
    this.registrations.push(registration);
    const { id, state } = await this.host.register(registration);
    this.resources.set(urn, { urn, id: id ?? null, state });
    return responseOf(urn, id ?? "", withSecrets(registration, state));
  }

  private registrationOf(urn: string, request: RegisterResourceRequest): Registration {
    const timeouts = request.getCustomtimeouts();
    const parent = request.getParent();
    const propertyDependencies = new Map<string, readonly string[]>();
    request.getPropertydependenciesMap().forEach((dependencies, property) => {
      const urns = dependencies.getUrnsList();
      if (urns.length > 0) propertyDependencies.set(property, urns);
    });
    return {
      urn,
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      inputs: (request.getObject() as { toJavaScript(): Record<string, unknown> }).toJavaScript(),
      parent: parent === this.stackUrn ? undefined : parent || undefined,
      dependencies: request.getDependenciesList(),
      propertyDependencies: Object.fromEntries(propertyDependencies),
      provider: request.getProvider() || undefined,
      protect: request.getProtect() ?? false,
      deletedWith: request.getDeletedwith() || undefined,
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      ignoreChanges: request.getIgnorechangesList(),
      deleteBeforeReplace: request.getDeletebeforereplacedefined() ? request.getDeletebeforereplace() : undefined,
      customTimeouts: timeouts && {
        create: timeouts.getCreate() || undefined,
        update: timeouts.getUpdate() || undefined,
        delete: timeouts.getDelete() || undefined,
      },
    };
  }

  /** By the CLI's rule: the types of all parents but the stack go before the type. */
  private urnOf(request: RegisterResourceRequest): string {
    const parentTypes = request.getParent().split("::")[2];
    const type = request.getType();
    const qualified = parentTypes && parentTypes !== stackType ? `${parentTypes}$${type}` : type;
    const { runtime } = pulumi;
    return `urn:pulumi:${runtime.getStack()}::${runtime.getProject()}::${qualified}::${request.getName()}`;
  }

  override registerResourceOutputs(
    request: RegisterResourceOutputsRequest,
    callback: (error: unknown, response: unknown) => void,
  ): void {
    if (request.getUrn() === this.stackUrn) {
      this.outputs = (request.getOutputs() as { toJavaScript(): Record<string, unknown> }).toJavaScript();
    }
    callback(null, {});
  }
}

/** Outputs that the program declares secret, or gives as secret inputs, are secret in the program too. */
function withSecrets(
  { inputs, additionalSecretOutputs }: Registration,
  state: Record<string, unknown>,
): Record<string, unknown> {
  const entries = Object.entries(state).map(([key, value]) => {
    const hidden = value !== undefined && (additionalSecretOutputs.includes(key) || isSecret(own(inputs, key)));
    return [key, hidden ? asSecret(value) : value];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function responseOf(urn: string, id: string, state: Record<string, unknown>) {
  return {
    getUrn: () => urn,
    getId: () => id,
    getObject: () => ({ toJavaScript: () => state }),
    getPropertydependenciesMap: () => undefined,
    getResult: () => 0,
  };
}
