import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/core/errors.js";
import { importOptional } from "../../src/core/optional.js";
import { toCsv } from "../../src/report/csv.js";
import { formatMeasured, formatNumber, formatUncertain } from "../../src/report/figures/checks.js";
import { escapeHtml, richHtml, richSvg, unescapeHtml } from "../../src/report/html.js";
import { reportPage } from "../../src/report/page.js";
import { writeReport } from "../../src/report/write.js";

const hostile = `</title><script>alert("1")</script><img src=x onerror='alert(1)'>&amp;`;
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><text>a onload=1</text></svg>';
const table = { columns: ["name", "mean"], rows: [["mu, really", 1 / 3]] };

describe("reportPage", () => {
  const page = reportPage({
    title: hostile,
    lead: hostile,
    warnings: [hostile],
    language: `en"><script>`,
    sections: [
      {
        heading: hostile,
        paragraphs: [hostile],
        figures: [{ svg, caption: hostile, data: { file: `"><script>`, table }, command: hostile }],
        tables: [{ columns: [hostile], rows: [[hostile]], caption: hostile, file: "table" }],
      },
    ],
    provenance: {
      versions: { [hostile]: hostile },
      seed: hostile,
      engine: hostile,
      command: hostile,
      date: hostile,
      more: { [hostile]: hostile },
    },
  });

  it("escapes every string", () => {
    const { document } = parseHTML(page);
    expect(document.querySelectorAll("script, img").length).toBe(0);
    for (const selector of [
      "title",
      "h1",
      ".lead",
      ".warnings li",
      "h2",
      "section p",
      "figcaption",
      "pre code",
      "td",
      "caption",
    ]) {
      const found = [...document.querySelectorAll(selector)].map((element) => element.textContent);
      expect(found.includes(hostile), selector).toBe(true);
    }
    expect(
      [...document.querySelectorAll("dd")].every((element) => element.textContent!.includes(hostile)),
    ).toBe(true);
  });

  it("needs nothing from elsewhere", () => {
    expect(page).not.toMatch(/(src|href)\s*=\s*"(?!data:text\/csv|#)/);
    expect(page).not.toMatch(/url\(|@import/);
  });

  it("carries each table as a CSV download", () => {
    const { document } = parseHTML(page);
    const links = [...document.querySelectorAll("a[download]")];
    expect(links.map((link) => link.getAttribute("download"))).toEqual(["-script-.csv", "table.csv"]);
    const [type, bytes] = links[0].getAttribute("href")!.split("base64,");
    expect(type).toBe("data:text/csv;charset=utf-8;");
    expect(Buffer.from(bytes, "base64").toString("utf8")).toBe(
      'name,mean\r\n"mu, really",0.3333333333333333\r\n',
    );
  });

  it("is the same text for the same content and names no date of its own", () => {
    const content = { title: "t", lead: "l", sections: [{ heading: "h", figures: [{ svg, caption: "c" }] }] };
    expect(reportPage(content)).toBe(reportPage(content));
    expect(reportPage(content)).not.toContain("<footer>");
  });

  it("says that checks passed only where they were made", () => {
    const content = { title: "t", lead: "l", sections: [] };
    expect(reportPage({ ...content, warnings: [] })).toContain("No check found statistical trouble");
    expect(reportPage(content)).not.toContain("statistical trouble");
    expect(reportPage({ ...content, warnings: ["R-hat is 1.2."] })).toContain("One warning");
  });

  it("rejects what is not a figure, empty titles, and ragged tables", () => {
    const page =
      (figure: string, heading = "h", rows: string[][] = []) =>
      () =>
        reportPage({
          title: "t",
          lead: "l",
          sections: [
            { heading, figures: [{ svg: figure, caption: "" }], tables: [{ columns: ["a"], rows }] },
          ],
        });
    expect(page("<p>")).toThrow(/expected SVG text that begins with "<svg", got "<p>"/);
    expect(page("<svg><script>1</script></svg>")).toThrow(/must not carry scripts/);
    expect(page('<svg onload="x()"></svg>')).toThrow(/must not carry scripts/);
    expect(page(svg, " ")).toThrow(/heading of section 1 must not be empty/);
    expect(page(svg, "h", [["1", "2"]])).toThrow(/row 0 has 2 cells but the table has 1 columns/);
    expect(() => reportPage({ title: "", lead: "", sections: [] })).toThrow(/title must not be empty/);
  });
});

describe("tables of the page", () => {
  const sortable = {
    columns: ["method", "C2ST"],
    rows: [
      ["aalr", { value: 0.51642, error: 0.0123 }],
      ["prior", { value: 1, error: NaN }],
      ["none", null],
    ],
    file: "summary",
    sortable: true,
  };
  const page = (extra: object = {}) =>
    reportPage({ title: "t", lead: "l", sections: [{ heading: "h", tables: [{ ...sortable, ...extra }] }] });

  it("write means with their errors, and keep all digits for sorting and downloading", () => {
    const { document } = parseHTML(page());
    const cells = [...document.querySelectorAll("td")].map((cell) => cell.textContent);
    expect(cells).toEqual(["aalr", "0.516 ± 0.012", "prior", "1.000", "none", ""]);
    expect(document.querySelectorAll("td[data-value]")[0].getAttribute("data-value")).toBe("0.51642");
    const bytes = document.querySelector("a[download]")!.getAttribute("href")!.split("base64,")[1];
    expect(Buffer.from(bytes, "base64").toString()).toBe(
      "method,C2ST,C2ST (s.e.)\r\naalr,0.51642,0.0123\r\nprior,1,\r\nnone,,\r\n",
    );
  });

  it("bring the sorting script only where something sorts, and allow no other", () => {
    const [, hash] = /script-src 'sha256-([^']+)'/.exec(page())!;
    const [, script] = /<script>([\s\S]*)<\/script>/.exec(page())!;
    expect(createHash("sha256").update(script).digest("base64")).toBe(hash);
    expect(page({ sortable: false })).not.toMatch(/<script|script-src/);
  });

  it("offers tables that are too long to show, and puts half figures side by side", () => {
    const half = { svg, caption: "c", width: "half" as const };
    const { document } = parseHTML(
      reportPage({
        title: "t",
        lead: "l",
        sections: [
          {
            heading: "h",
            figures: [half, half, { svg, caption: "full" }, half],
            downloads: [{ text: "All jobs", file: "jobs", table }],
          },
        ],
      }),
    );
    expect([...document.querySelectorAll(".halves")].map((each) => each.children.length)).toEqual([2, 1]);
    expect(document.querySelector(".download a")!.getAttribute("download")).toBe("jobs.csv");
  });
});

describe("text", () => {
  it.each([
    [0.87654, 0.0123, "0.877 ± 0.012"],
    [-2345.6, 120, "−2346 ± 120"],
    [-0.0001, 0.02, "0.000 ± 0.020"],
    [0.5, NaN, "0.5000"],
    [0.5, 0, "0.5000"],
    [0.5, 1e-12, "0.5000 ± 1.0e−12"],
  ])("writes %s with error %s as %s", (value, error, text) => {
    expect(formatUncertain(value, error)).toBe(text);
  });

  it("comes back from escaping, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(unescapeHtml(escaped)).toBe(text.replace(/[^\P{Cc}\t\n\r]/gu, ""));
      }),
      { seed: 2 },
    );
  });

  it("sets indices of single letters and powers, and leaves names alone", () => {
    expect(richHtml("M_Z (GeV), A_FB, x_{max}, 10^-5 & G_F^0")).toBe(
      "M<sub>Z</sub> (GeV), A<sub>FB</sub>, x<sub>max</sub>, 10<sup>-5</sup> &amp; G<sub>F</sub><sup>0</sup>",
    );
    for (const name of ["log_sigma", "run_1", "theta_12", "_x", "M_", "a^b"])
      expect(richHtml(name)).toBe(name);
    expect(richHtml("x_{<b>}")).toBe("x<sub>&lt;b&gt;</sub>");
    expect(richSvg("M_Z!")).toBe(
      'M<tspan font-size="75%" dy="0.29em">Z</tspan><tspan dy="-0.22em">!</tspan>',
    );
  });

  it.each([
    [0, "0"],
    [1.0651, "1.07"],
    [88.94, "88.9"],
    [0.00012345, "1.23e−4"],
    [-2.5, "−2.50"],
    [4120, "4120"],
    [12345, "12,345"],
    [1234567.5, "1.23e6"],
    [NaN, "n/a"],
    [-Infinity, "−∞"],
  ])("writes %s as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it("keeps the digits of a measurement that happens to be whole", () => {
    expect(formatMeasured(89)).toBe("89.0");
  });
});

describe("toCsv", () => {
  it("quotes as RFC 4180 asks", () => {
    expect(
      toCsv({
        columns: ["a b", 'say "x"'],
        rows: [
          ["1,2", "line\nend"],
          [null, " pad"],
          [true, 1e-300],
          [-0, 7n],
        ],
      }),
    ).toBe('a b,"say ""x"""\r\n"1,2","line\nend"\r\n," pad"\r\ntrue,1e-300\r\n-0,7\r\n');
  });

  it("gives every float64 back", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const [, line] = toCsv({ columns: ["x"], rows: [[value]] }).split("\r\n");
        expect(Object.is(Number(line), value)).toBe(true);
      }),
      { seed: 3 },
    );
  });

  it("rejects tables without columns and ragged rows", () => {
    expect(() => toCsv({ columns: [], rows: [] })).toThrow(/at least one column/);
    expect(() => toCsv({ columns: ["a"], rows: [[1], []] })).toThrow(
      /row 1 has 0 cells but the table has 1 columns/,
    );
  });
});

describe("writeReport", () => {
  const folder = mkdtempSync(join(tmpdir(), "galton-report-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("replaces the file in one step and leaves nothing else behind", async () => {
    const path = join(folder, "report.html");
    writeFileSync(path, "old");
    expect(await writeReport(path, "new")).toBe(path);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["report.html"]);
  });

  it("says why it cannot write", async () => {
    await expect(writeReport(join(folder, "none", "r.html"), "")).rejects.toThrow(
      /the folder does not exist \(ENOENT\)/,
    );
    await expect(writeReport(join(folder, "report.html", "r.html"), "")).rejects.toThrow(ConfigError);
    await expect(writeReport(folder, "")).rejects.toThrow(/it is a folder|not writable/);
  });

  it.skipIf(process.getuid?.() === 0)("names an unwritable folder", async () => {
    chmodSync(folder, 0o500);
    await expect(writeReport(join(folder, "x.html"), "")).rejects.toThrow(/not writable \(EACCES\)/);
    chmodSync(folder, 0o700);
  });
});

it("names the missing package and how to install it", async () => {
  const absent = () => Promise.reject(new Error("Cannot find package"));
  await expect(importOptional("svgToPng", "@resvg/resvg-js", absent)).rejects.toThrow(
    /^svgToPng: needs the optional package @resvg\/resvg-js.*Run "npm install @resvg\/resvg-js@2\.6\.2"\.$/,
  );
});
