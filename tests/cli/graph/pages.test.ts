import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { graphPage } from "../../../cli/graph/page";
import { htmlOf as benchmarkPage } from "../../../components/benchmark/report/page";
import { reportOf } from "../../../components/benchmark/report/report";
import { readStack } from "../../../components/validation/stack";
import { htmlOf as verificationPage } from "../../../components/verification/report/page";
import { measured, standardSettings } from "../../benchmark/report/measured";
import { skip } from "../../support/skip";
import { result } from "../../verification/report/results";

/** Every page that commands write, in a real browser. */

const root = path.resolve(__dirname, "../../..");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const article = readStack(root, path.join(root, "Pulumi.article.yaml"));

const pages: Readonly<Record<string, string>> = {
  graph: graphPage("article", article),
  "graph after a verification": graphPage("article", article, result),
  verification: verificationPage(result),
  benchmark: benchmarkPage(reportOf(measured(standardSettings), { budgets: {} })),
};

describe("pages in a browser", () => {
  let browser: Browser;
  let folder: string;

  before(async function () {
    this.timeout(60_000);
    const executablePath = findBrowser() ?? skip(this, "there is no Chromium on PATH; CHROMIUM names one elsewhere");
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-pages-"));
    browser = await chromium.launch({ executablePath });
  });

  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  for (const [name, html] of Object.entries(pages)) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`${name}, ${colorScheme}: no error, no overflow at 1280 and 390 pixels, nothing that axe finds, all by keyboard`, async function () {
        this.timeout(60_000);
        const file = path.join(folder, `${name}.html`);
        writeFileSync(file, html);
        const page = await browser.newPage({ colorScheme });
        const messages: string[] = [];
        page.on("console", (message) => messages.push(message.text()));
        page.on("pageerror", ({ message }) => messages.push(message));
        page.on("requestfailed", (request) => messages.push(request.url()));
        try {
          for (const width of [1280, 390]) {
            await page.setViewportSize({ width, height: 900 });
            await page.goto(pathToFileURL(file).href);
            assert.deepEqual(await overflow(page), [], `at ${width} pixels`);
            assert.deepEqual(await findings(page), [], `at ${width} pixels`);
          }
          assert.deepEqual(await unreachable(page), []);
          assert.deepEqual(messages, []);
        } finally {
          await page.close();
        }
      });
    }
  }
});

function findBrowser(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(path.delimiter).filter((one) => path.isAbsolute(one));
  const candidates = folders.flatMap((one) => names.map((name) => path.join(one, name)));
  return process.env.CHROMIUM ?? candidates.find((file) => existsSync(file));
}

// Scripts of the page are text: the types of this project know no DOM.

/** Elements that make the page wider than the window; what scrolls within its own box is none. */
function overflow(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const all = [...document.body.querySelectorAll(":not(.scroll *)")];
    return all.filter((one) => one.getBoundingClientRect().right > clientWidth).map((one) => one.outerHTML.slice(0, 80));
  })()`);
}

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(`axe.run().then(({ violations }) => violations.map(({ id, help, nodes }) =>
    id + ": " + help + ": " + nodes.map(({ html }) => html.slice(0, 80)).join("; ")))`);
}

/** What scrolls or folds, and does not get the focus by Tab. */
async function unreachable(page: Page): Promise<string[]> {
  const all = `[...document.querySelectorAll(".scroll, summary")].filter((one) => one.checkVisibility())`;
  const focused = new Set<number>();
  const count = await page.evaluate<number>(`${all}.length`);
  for (let at = 0; at <= count; at++) {
    await page.keyboard.press("Tab");
    focused.add(await page.evaluate(`${all}.indexOf(document.activeElement)`));
  }
  const names = await page.evaluate<string[]>(`${all}.map((one) => one.outerHTML.slice(0, 80))`);
  return names.filter((_, at) => !focused.has(at));
}
