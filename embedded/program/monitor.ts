import * as pulumi from "@pulumi/pulumi";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  ResourceInvokeRequest,
  SupportsFeatureRequest,
} from "@pulumi/pulumi/proto/resource_pb";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { messageOf, RegistrationError } from "./errors";
import { asSecret, isSecret } from "./secrets";

/** What the program asks for when it makes a resource. */
export interface Registration {
  /** As the Pulumi CLI forms it: `urn:pulumi:STACK::PROJECT::PARENT-TYPES$TYPE::NAME`. */
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Whether a provider makes it; components are only names for what they hold. */
  readonly custom: boolean;
  /** Plain data; secrets wrapped, and in a preview unknown parts as the SDK marks them (see ./secrets). */
  readonly inputs: Record<string, unknown>;
  /** URN of the component it belongs to; none for what belongs to the stack itself. */
  readonly parent?: string;
  /** URNs of everything that had to be there first, by `dependsOn` or through an input. */
  readonly dependencies: readonly string[];
  /** URNs each input was computed from. */
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** `URN::ID` of its provider, where the program names one. */
  readonly provider?: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deletedWith?: string;
  readonly additionalSecretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly deleteBeforeReplace?: boolean;
  readonly customTimeouts?: { readonly create?: string; readonly update?: string; readonly delete?: string };
}

/** Makes the resources a program asks for, or pretends to. */
export interface ResourceHost {
  /**
   * Called once everything the resource depends on is there; independent resources come at the same time. The state
   * fills the resource's outputs: what it leaves out is the input of that name, or in a preview unknown.
   */
  register(registration: Registration): Promise<{ id?: string; state: Record<string, unknown> }>;
  /** Answers a function of a provider. Without it, calling one is an error. */
  call?(token: string, inputs: Record<string, unknown>): Promise<Record<string, unknown>>;
}

/** The parts of the engine's answer that the SDK reads (`RegisterResourceResponse`). */
interface RegisterAnswer {
  getUrn(): string;
  getId(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getPropertydependenciesMap(): undefined;
  getResult(): number;
}

const stackType = "pulumi:pulumi:Stack";

/** gRPC's CANCELLED: to the SDK the engine is going away, so whatever depends on the resource is never asked for. */
const cancelled = 1;

/** What this engine does for a program; asked for anything else, the SDK tells the program so. */
const features = new Set(["secrets", "resourceReferences", "deletedWith", "replaceWith", "aliasSpecs"]);

/**
 * The SDK's mock monitor, made to take every detail of a registration and to fail as a deployment does: the first
 * failure stops new work, and work under way is seen through to its end.
 */
export class HostMonitor extends MockMonitor {
  readonly registrations: Registration[] = [];
  /** What the program exported; secrets wrapped. */
  outputs: Record<string, unknown> = {};
  private readonly urns = new Set<string>();
  private stackUrn = "";
  private readonly underWay = new Set<Promise<void>>();
  private stopped = false;

  constructor(
    private readonly host: ResourceHost,
    private readonly onFailure: (error: unknown) => void,
  ) {
    super({
      newResource: ({ type, name }) => {
        throw new Error(`${name} (${type}): this engine reads no existing resources`);
      },
      call: ({ token, inputs }) => {
        if (!host.call) throw new Error("this engine answers no functions of providers");
        return host.call(token, inputs as Record<string, unknown>);
      },
    });
  }

  /** Resolves when every registration that has begun has ended. No other begins after `stop`. */
  async idle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  stop(): void {
    this.stopped = true;
  }

  override registerResource(
    request: RegisterResourceRequest,
    callback: (error: unknown, answer: RegisterAnswer | undefined) => void,
  ): Promise<void> {
    // Left unanswered: the run has failed already, and a deployment begins nothing after a failure.
    if (this.stopped) return Promise.resolve();
    const work = this.register(request).then(
      (answer) => callback(null, answer),
      (cause: unknown) => {
        const error = new RegistrationError(this.urnOf(request), request.getType(), request.getName(), cause);
        this.onFailure(error);
        callback({ code: cancelled, message: error.message }, undefined);
      },
    );
    this.underWay.add(work);
    return work.finally(() => this.underWay.delete(work));
  }

  private async register(request: RegisterResourceRequest): Promise<RegisterAnswer> {
    const urn = this.urnOf(request);
    if (this.urns.has(urn)) throw new Error("is registered twice; two resources of a type and parent need two names");
    this.urns.add(urn);
    if (request.getType() === stackType) {
      this.stackUrn = urn;
      return answer(urn, "", {});
    }
    const registration = this.registration(urn, request);
    this.registrations.push(registration);
    const { id, state } = await this.host.register(registration);
    this.resources.set(urn, { urn, id: id ?? null, state });
    return answer(urn, id ?? "", withSecrets(registration, state));
  }

  private registration(urn: string, request: RegisterResourceRequest): Registration {
    const timeouts = request.getCustomtimeouts();
    const parent = request.getParent();
    return {
      urn,
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      inputs: (request.getObject() as { toJavaScript(): Record<string, unknown> }).toJavaScript(),
      parent: parent === this.stackUrn ? undefined : parent || undefined,
      dependencies: request.getDependenciesList(),
      propertyDependencies: propertyDependencies(request),
      provider: request.getProvider() || undefined,
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
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

  /** The CLI's rule: the types of all parents but the stack's own go before the type. */
  private urnOf(request: RegisterResourceRequest): string {
    const parentTypes = request.getParent().split("::")[2];
    const type = request.getType();
    const qualified = parentTypes && parentTypes !== stackType ? `${parentTypes}$${type}` : type;
    const { runtime } = pulumi;
    return `urn:pulumi:${runtime.getStack()}::${runtime.getProject()}::${qualified}::${request.getName()}`;
  }

  override invoke(request: ResourceInvokeRequest, callback: (error: unknown, answer: unknown) => void): Promise<void> {
    return super.invoke(request, (error: unknown, answer: unknown) => {
      // The SDK shows the details of a gRPC error and nothing else of it.
      callback(error && { details: `${request.getTok()}: ${messageOf(error)}` }, answer);
    });
  }

  override registerResourceOutputs(
    request: RegisterResourceOutputsRequest,
    callback: (error: unknown, answer: unknown) => void,
  ): void {
    if (request.getUrn() === this.stackUrn) {
      this.outputs = (request.getOutputs() as { toJavaScript(): Record<string, unknown> }).toJavaScript();
    }
    callback(null, {});
  }

  override supportsFeature(
    request: SupportsFeatureRequest,
    callback: (error: unknown, answer: { getHassupport(): boolean }) => void,
  ): void {
    callback(null, { getHassupport: () => features.has(request.getId()) });
  }
}

function propertyDependencies(request: RegisterResourceRequest): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  request.getPropertydependenciesMap().forEach((dependencies, property) => {
    const urns = dependencies.getUrnsList();
    if (urns.length > 0) found[property] = urns;
  });
  return found;
}

/** Outputs that the program declared secret, or gave as secret inputs, stay secret on their way back. */
function withSecrets(registration: Registration, state: Record<string, unknown>): Record<string, unknown> {
  const secret = (key: string): boolean =>
    registration.additionalSecretOutputs.includes(key) || isSecret(registration.inputs[key]);
  return Object.fromEntries(
    Object.entries(state).map(([key, value]) => [key, secret(key) && value !== undefined ? asSecret(value) : value]),
  );
}

function answer(urn: string, id: string, state: Record<string, unknown>): RegisterAnswer {
  return {
    getUrn: () => urn,
    getId: () => id,
    getObject: () => ({ toJavaScript: () => state }),
    getPropertydependenciesMap: () => undefined,
    getResult: () => 0,
  };
}
