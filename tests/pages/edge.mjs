// Chromium and axe-core judge an edge's own page: node tests/pages/edge.mjs http://127.0.0.1:8090
//
// In three languages, at 320 and 1280 pixels, in both colour schemes: no axe violation, no sideways scrolling, under 50 KB,
// nothing on the console, no script, the right language, charts with something in them. The last line says how many passed.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const base = process.argv[2];
const axe = fs.readFileSync(path.join(here, 'node_modules/axe-core/axe.min.js'), 'utf8');
let passed = 0;
let failed = 0;
function check(good, what) {
  if (good) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${what}`);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update',
    '--disable-sync'],
});
for (const language of ['az', 'en', 'ru']) {
  for (const width of [320, 1280]) {
    for (const colorScheme of ['light', 'dark']) {
      const name = `${language} ${width} ${colorScheme}`;
      const context = await browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true, colorScheme });
      const page = await context.newPage();
      const complaints = [];
      page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
      page.on('pageerror', (error) => complaints.push(String(error)));
      const response = await page.goto(`${base}/?lang=${language}`, { waitUntil: 'load' });
      check(response.status() === 200, `${name}: status ${response.status()}`);
      check((await response.body()).length < 50_000, `${name}: too long`);
      const seen = await page.evaluate(() => ({
        sideways: document.documentElement.scrollWidth - innerWidth,
        scripts: document.scripts.length,
        language: document.documentElement.lang,
        headings: document.querySelectorAll('h1').length,
        charts: document.querySelectorAll('svg polyline').length,
      }));
      check(seen.sideways <= 0, `${name}: ${seen.sideways} pixels wider than the window`);
      check(seen.scripts === 0 && seen.headings === 1 && seen.language === language, `${name}: ${JSON.stringify(seen)}`);
      check(seen.charts >= 2, `${name}: ${seen.charts} charts`);
      await page.evaluate(axe);
      const result = await page.evaluate(() => globalThis.axe.run());
      const found = result.violations.map((v) => `${v.id} (${v.nodes[0].target.join(' ')})`);
      check(found.length === 0, `${name}: ${found.join(', ')}`);
      check(complaints.length === 0, `${name}: ${complaints.join('; ')}`);
      await context.close();
    }
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
