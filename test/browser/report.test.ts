/**
 * The page of a benchmark in a real browser: Chromium, found as `CHROMIUM_PATH` or on the PATH; where there is none the
 * tests are skipped, by name.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { benchmarkReport } from "../../benchmarks/report/report.js";
import { writeFixture } from "../benchmarks/report-fixture.js";

/** The first browser that may be run. */
function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [process.env.CHROMIUM_PATH ?? "", ...candidates].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return path !== "";
    } catch {
      return false;
    }
  });
}

const chromium = findChromium();
/** A browser that shares its processor may take minutes to start, milliseconds. */
const patience = 180_000;
const title = "the page of a benchmark in a browser";

describe.skipIf(chromium === undefined)(
  chromium === undefined ? `${title} (skipped: no Chromium; set CHROMIUM_PATH)` : title,
  { timeout: patience },
  () => {
    const root = mkdtempSync(join(tmpdir(), "galton-browser-"));
    const url = pathToFileURL(join(root, "page.html")).href;
    const complaints: string[] = [];
    const requests: string[] = [];
    let browser: Browser;

    beforeAll(async () => {
      await writeFixture(join(root, "results"), { failed: ["slcp.aalr.1000.obs1.seed1"] }); // slcp's corner plot is wide
      writeFileSync(join(root, "page.html"), (await benchmarkReport(join(root, "results"))).page);
      const { chromium: launcher } = await import("playwright-core");
      const isRoot = process.getuid?.() === 0; // Chromium refuses its sandbox to root
      const args = isRoot ? ["--no-sandbox"] : [];
      browser = await launcher.launch({ executablePath: chromium, args, timeout: patience });
    }, patience);
    afterAll(async () => {
      await browser?.close();
      rmSync(root, { recursive: true, force: true });
    });

    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
    });

    /** Opens the page and hears what it says and asks for. */
    async function open(width: number, more: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
      const context = await browser.newContext({ viewport: { width, height: 900 }, ...more });
      const page = await context.newPage();
      page.setDefaultTimeout(patience);
      page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(url);
      return page;
    }

    const column = (page: Page, index: number) =>
      page.locator(`#section-1 tbody td:nth-child(${index})`).allTextContents();
    const heading = (page: Page, name: string) =>
      page.locator("#section-1 thead th", { has: page.getByRole("button", { name, exact: true }) });

    it("opens from a file without errors, and asks for nothing else", async () => {
      await open(1200);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([url]);
    });

    it("sorts a table by click: up, then down, numbers as numbers", async () => {
      const page = await open(1200);
      const sorted = async () => (await column(page, 3)).map((text) => Number(text.replaceAll(",", "")));
      const up = (await sorted()).sort((a, b) => a - b);
      await page.getByRole("button", { name: "simulations" }).first().click();
      expect(await sorted()).toEqual(up);
      expect(await heading(page, "simulations").getAttribute("aria-sort")).toBe("ascending");
      await page.getByRole("button", { name: "simulations" }).first().click();
      expect(await sorted()).toEqual(up.reverse());
      expect(await heading(page, "simulations").getAttribute("aria-sort")).toBe("descending");
    });

    it("sorts a table by keyboard, text as people do, and keeps the focus", async () => {
      const page = await open(1200);
      await page.getByRole("button", { name: "method" }).first().focus();
      await page.keyboard.press("Enter");
      const methods = await column(page, 2);
      expect([methods[0], methods[17]]).toEqual(["aalr", "nre-b"]);
      await page.keyboard.press("Space");
      expect((await column(page, 2))[0]).toBe("nre-b");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      expect(await heading(page, "simulations").getAttribute("aria-sort")).toBe("ascending");
      expect(await heading(page, "method").getAttribute("aria-sort")).toBeNull();
    });

    it("keeps empty cells last, whichever way", async () => {
      const page = await open(1200);
      const index = 1 + (await page.locator("#section-1 thead th").allTextContents()).indexOf("acceptance");
      const button = page.getByRole("button", { name: "acceptance" });
      for (let press = 0; press < 2; press++) {
        await button.click();
        const cells = await column(page, index);
        expect(cells.slice(0, 6).every((text) => text.includes("±"))).toBe(true);
        expect(cells.slice(6).every((text) => text === "")).toBe(true);
      }
    });

    it("is read without scripts too", async () => {
      const page = await open(1200, { javaScriptEnabled: false });
      expect((await column(page, 2)).length).toBe(18);
      expect(await page.locator("th button").count()).toBe(0);
    });

    it.each([390, 1200])("does not scroll sideways at %i px, in light and dark", async (width) => {
      for (const colorScheme of ["light", "dark"] as const) {
        const page = await open(width, { colorScheme });
        const hidden = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        expect(hidden).toBe(0);
        const folder = process.env.GALTON_SCREENSHOTS; // of whoever wants to look
        const path = join(folder ?? root, `report-${width}-${colorScheme}.png`);
        if (folder) await page.screenshot({ path, fullPage: true });
        const paper = await page.evaluate("getComputedStyle(document.body).backgroundColor");
        expect(paper).toBe(colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(21, 24, 28)");
      }
      expect(complaints).toEqual([]);
    });

    it("shows the first score and the difference without scrolling on a phone", async () => {
      const page = await open(390);
      for (const cell of ["#section-1 td:nth-child(4)", "#section-3 td:nth-child(5)"]) {
        const { x, width } = (await page.locator(cell).first().boundingBox())!;
        expect(x + width).toBeLessThanOrEqual(390);
      }
      const captions = await page.locator("caption").all();
      for (const caption of captions) expect((await caption.boundingBox())!.width).toBeLessThanOrEqual(390);
    });

    it("puts figures side by side where there is room, and under each other on a phone", async () => {
      const tops = async (width: number) => {
        const boxes = await (await open(width)).locator("#section-4 .halves figure").all();
        return Promise.all(boxes.slice(0, 2).map(async (box) => (await box.boundingBox())!.y));
      };
      const [first, second] = await tops(1200);
      expect(second).toBe(first);
      const [upper, lower] = await tops(390);
      expect(lower).toBeGreaterThan(upper + 200);
    });

    it("prints black on white, without what only a screen can do, and nothing cut off at the side", async () => {
      const page = await open(718, { colorScheme: "dark" }); // A4 without margins of 10 mm
      await page.emulateMedia({ media: "print" });
      expect(await page.evaluate("getComputedStyle(document.body).color")).toBe("rgb(0, 0, 0)");
      expect(await page.locator("nav").first().isVisible()).toBe(false);
      expect(await page.locator("details").first().isVisible()).toBe(false);
      for (const table of await page.locator("table").all()) {
        const box = (await table.boundingBox())!;
        expect(box.x + box.width).toBeLessThanOrEqual(718);
      }
      const pdf = await page.pdf({ format: "A4" });
      expect(pdf.subarray(0, 4).toString()).toBe("%PDF");
    });

    it("gives its data as CSV", async () => {
      const page = await open(1200);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator('a[download="jobs.csv"]').click(),
      ]);
      expect(download.suggestedFilename()).toBe("jobs.csv");
    });
  },
);
