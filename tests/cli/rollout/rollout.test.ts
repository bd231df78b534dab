import assert from "node:assert/strict";
import type { Counted } from "../../../cli/rollout/judge";
import { rollOut, type RolloutEffects, type RolloutPlan } from "../../../cli/rollout/rollout";
import { nextShare, shifted, type Weights } from "../../../cli/rollout/split";

const plan: RolloutPlan = {
  to: "v3",
  steps: [5, 25, 50, 100],
  tolerance: { errors: 1, slow: 5 },
  ...{ window: 600, interval: 60, deadline: 300 },
};

function counted(requests: number, errors: number): Counted {
  return { requests, errors, buckets: [100, Infinity].map((le) => ({ le, count: requests })) };
}

const good = { canary: counted(5000, 5), others: counted(9000, 9) };
const bad = { canary: counted(5000, 500), others: counted(9000, 9) };
const few = { canary: counted(3, 0), others: counted(40, 0) };

interface Scripted extends RolloutEffects {
  readonly written: string[];
  readonly waits: number[];
  readonly deployed: string[];
}

/** @param looks what Prometheus answers, in order; the last one again and again */
function scripted(looks: (typeof good)[], deploys: boolean[] | undefined = []): Scripted {
  const [written, waits, deployed]: [string[], number[], string[]] = [[], [], []];
  return {
    ...{ written, waits, deployed },
    counts: () => Promise.resolve((looks.length > 1 ? looks.shift() : looks[0]) ?? good),
    write: (weights) => written.push(shown(weights)),
    ...(deploys && {
      deploy: () => {
        deployed.push(written.at(-1) ?? "");
        return Promise.resolve(deploys.shift() ?? true);
      },
    }),
    sleep: (ms) => Promise.resolve(waits.push(ms / 1000)),
    log: () => undefined,
  };
}

function shown(weights: Weights): string {
  return [...weights].map(([subset, weight]) => `${subset} ${weight}`).join(", ");
}

function weights(given: Record<string, number>): Weights {
  return new Map(Object.entries(given));
}

describe("a rollout with deployments", () => {
  it("takes every step, and looks after each but the last", async () => {
    const effects = scripted([good]);
    assert.equal(await rollOut(weights({ v1: 100 }), plan, effects), "finished");
    assert.deepEqual(effects.deployed, ["v1 95, v3 5", "v1 75, v3 25", "v1 50, v3 50", "v1 0, v3 100"]);
    assert.deepEqual(effects.waits, [120, 120, 120], "until the change has settled, and an interval of requests");
  });

  it("goes back, and deploys that, where the version is worse", async () => {
    const effects = scripted([good, bad]);
    assert.equal(await rollOut(weights({ v1: 100 }), plan, effects), "back");
    assert.deepEqual(effects.deployed, ["v1 95, v3 5", "v1 75, v3 25", "v1 100, v3 0"]);
  });

  it("looks again while there are too few requests, and holds at the deadline with the weights as they are", async () => {
    const effects = scripted([few]);
    assert.equal(await rollOut(weights({ v1: 100 }), plan, effects), "held");
    assert.deepEqual(effects.deployed, ["v1 95, v3 5"]);
    assert.deepEqual(effects.waits, [120, 60, 60, 60, 60]);
  });

  it("judges a share that it finds before it adds to it, as after a run that was killed", async () => {
    const effects = scripted([bad]);
    assert.equal(await rollOut(weights({ v1: 60, v2: 15, v3: 25 }), plan, effects), "back");
    assert.deepEqual(effects.deployed, ["v1 80, v2 20, v3 0"]);
    assert.deepEqual(effects.waits, []);
  });

  it("stops where a deployment fails", async () => {
    const effects = scripted([good], [true, false]);
    assert.equal(await rollOut(weights({ v1: 100 }), plan, effects), "failed");
    assert.deepEqual(effects.deployed, ["v1 95, v3 5", "v1 75, v3 25"]);
  });
});

describe("a rollout in the stack file", () => {
  it("makes one step", async () => {
    const effects = scripted([good], undefined);
    assert.equal(await rollOut(weights({ v1: 95, v3: 5 }), plan, { ...effects, deploy: undefined }), "stepped");
    assert.deepEqual(effects.written, ["v1 75, v3 25"]);
  });

  it("leaves the file alone while there are too few requests", async () => {
    const effects = scripted([few], undefined);
    assert.equal(await rollOut(weights({ v1: 95, v3: 5 }), plan, { ...effects, deploy: undefined }), "held");
    assert.deepEqual(effects.written, []);
  });
});

describe("shifted weights", () => {
  it("keep the proportions of the other versions, and add up to 100", () => {
    assert.equal(shown(shifted(weights({ v1: 60, v2: 40 }), "v3", 25)), "v1 45, v2 30, v3 25");
    assert.equal(shown(shifted(weights({ v1: 34, v2: 33, v3: 33 }), "v3", 1)), "v1 50, v2 49, v3 1");
    assert.equal(
      shown(shifted(weights({ v1: 0, v3: 100 }), "v3", 50)),
      "v1 0, v3 100",
      "no other version can have the rest",
    );
    for (let share = 0; share <= 100; share++) {
      const total = [...shifted(weights({ v1: 57, v2: 29, v4: 14 }), "v3", share).values()];
      assert.equal(
        total.reduce((sum, one) => sum + one, 0),
        100,
      );
    }
  });

  it("have no next step after the last", () => {
    assert.equal(nextShare(weights({ v1: 75, v3: 25 }), "v3", plan.steps), 50);
    assert.equal(nextShare(weights({ v1: 0, v3: 100 }), "v3", plan.steps), undefined);
  });
});
