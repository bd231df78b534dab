import { ApiServer } from "../../../../components/shared/kubernetes/api-server";
import { testCluster, type TestCluster } from "../../../support/cluster-project";
import { referenceOf, type TestObject } from "./objects";
import type { ProgramSettings } from "./program";
import { EngineProject } from "./project";

class EngineSuite {
  cluster!: TestCluster;
  api!: ApiServer;
  /** The project of the running test. */
  project!: EngineProject;

  live(object: TestObject) {
    return this.api.get(referenceOf(object));
  }

  async dataOf(object: TestObject): Promise<unknown> {
    return ((await this.live(object)) as unknown as { data: unknown })?.data;
  }

  async notAsDeployed(settings: ProgramSettings) {
    return (await this.project.status(settings))?.findings
      .filter(({ state }) => state !== "as deployed")
      .map(({ label, state, detail }) => [label, state, detail]);
  }
}

/** The cluster of a suite, which other suites may use too, and a project for each test. Called in its `describe`. */
export function engineSuite(): EngineSuite {
  const suite = new EngineSuite();
  before(async function () {
    suite.cluster = await testCluster(this, ["helm"]);
    suite.api = await ApiServer.open({ kubeconfig: suite.cluster.kubeconfig });
  });
  // Where the cluster cannot be had, the suite is skipped before it is set.
  after(() => (suite.cluster as TestCluster | undefined)?.remove());
  beforeEach(() => (suite.project = new EngineProject(suite.cluster.kubeconfig)));
  afterEach(() => suite.project.remove());
  return suite;
}
