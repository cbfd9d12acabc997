import { expect, it } from "vitest";
import { cardText } from "../../src/cli/card-text.js";
import { trustSection } from "../../src/report/sections.js";
import type { ReportCard } from "../../src/report-card.js";

const card: ReportCard = {
  pairs: 20,
  priorDraws: 100,
  effectiveDraws: 60,
  heldOutLoss: 1.5,
  coverage: { levels: [0, 0.5, 1], coverage: [0, 0.45, 1], bias: -0.02, pValue: 0.4 },
  sbc: {
    names: ["mu"],
    ranks: Array.from({ length: 20 }, (_, i) => [5 * i]),
    numDraws: 99,
    pValue: 0.3,
  },
  warnings: [],
};

it.each([
  ["the card as text", async (of: ReportCard) => cardText(of)],
  ["the section of the page", async (of: ReportCard) => (await trustSection(of)).paragraphs!.join(" ")],
])("%s says whose rows they are and how much an ensemble differs", async (_, textOf) => {
  const [one, many] = [await textOf(card), await textOf({ ...card, ensembleSpread: 0.123 })];
  expect(one).toMatch(/not trained on.* chose the epoch/);
  expect(one).not.toMatch(/differ/);
  expect(many).toMatch(/differ .*0\.12 nats/);
});
