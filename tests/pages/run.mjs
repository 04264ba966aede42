// Chromium and axe-core judge every page of a running node:
//
//   node tests/pages/run.mjs http://localhost:8080
//
// Pages are found by following links from the home page. Each is judged in three languages at 320 and 1280 pixels:
// no axe violation, no sideways scrolling, under 50 KB with styles, nothing on the console, the right language. Then
// without scripts, by keyboard alone, in the dark scheme, and in print. The last line says how many checks passed.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const base = (process.argv[2] ?? 'http://localhost:8080').replace(/\/$/, '');
if (!fs.existsSync(path.join(here, 'node_modules'))) {
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
  if (done.status !== 0) process.exit(1);
}
const { chromium } = await import('playwright-core');
const axe = fs.readFileSync(path.join(here, 'node_modules/axe-core/axe.min.js'), 'utf8');
const draft = fs.readFileSync(path.join(root, 'country/az/regimes/special-quarantine.yaml'), 'utf8');

const languages = ['az', 'en', 'ru'];
const widths = [320, 1280];
const bytesMax = 50_000;
let passed = 0;
let failed = 0;

function check(good, what) {
  if (good) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED ${what}`);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/// Opens a page in a context of its own and hands it over with what went wrong and how many bytes came.
async function visit(address, options, judge) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, bypassCSP: true, ...options });
  try {
    const page = await context.newPage();
    const seen = { complaints: [], bytes: 0, status: 0, sizes: [] };
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
    });
    page.on('pageerror', (error) => seen.complaints.push(String(error)));
    page.on('requestfailed', (request) => seen.complaints.push(`${request.url()} ${request.failure()?.errorText}`));
    page.on('response', (response) => {
      seen.sizes.push(response.body().then((body) => { seen.bytes += body.length; }, () => {}));
    });
    const response = await page.goto(base + address, { waitUntil: 'load' });
    seen.status = response.status();
    await Promise.all(seen.sizes);
    await judge(page, seen);
  } catch (error) {
    check(false, `${address}: ${error.message}`);
  } finally {
    await context.close();
  }
}

async function violations(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run());
  return result.violations.map((v) => `${v.id} (${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join('; ')})`);
}

async function judgeLayout(page, name) {
  const layout = await page.evaluate(() => ({
    sideways: document.documentElement.scrollWidth - innerWidth,
    headings: document.querySelectorAll('h1').length,
    scripts: document.scripts.length,
    title: document.title,
  }));
  check(layout.sideways <= 0, `${name}: scrolls sideways by ${layout.sideways} pixels`);
  check(layout.headings === 1, `${name}: has ${layout.headings} h1`);
  // Passkeys need one; no other page has any.
  check(layout.scripts <= (/\/(sign-in|enrol|recover)$/.test(new URL(page.url()).pathname) ? 1 : 0), `${name}: has scripts`);
  check(layout.title.length > 3, `${name}: has no title`);
  const found = await violations(page);
  check(found.length === 0, `${name}: ${found.join(', ')}`);
}

const withLanguage = (address, language) => `${address}${address.includes('?') ? '&' : '?'}lang=${language}`;

/// All pages that links lead to: one for each path, and one with a query. What else they lead to must be there.
async function crawl() {
  const found = new Map([['/', '/']]);
  const others = new Set();
  for (const address of found.values()) {
    await visit(withLanguage(address, 'en'), {}, async (page) => {
      const links = await page.$$eval('a[href]', (all) => all.map((a) => a.href));
      for (const link of links.map((href) => new URL(href)).filter((url) => url.origin === new URL(base).origin)) {
        if (link.pathname.startsWith('/v1/')) {
          others.add(link.href);
          continue;
        }
        link.searchParams.delete('lang');
        const key = link.pathname + (link.search ? '?' : '');
        if (!found.has(key) && found.size < 40) found.set(key, link.pathname + link.search);
      }
    });
  }
  for (const href of others) {
    const { status } = await fetch(href);
    check(status === 200, `${href} is linked and answers ${status}`);
  }
  return [...found.values()];
}

async function judgeEverywhere(pages) {
  for (const address of pages) {
    for (const language of languages) {
      for (const width of widths) {
        const name = `${address} ${language} ${width}px`;
        await visit(withLanguage(address, language), { viewport: { width, height: 900 } }, async (page, seen) => {
          check(seen.status === 200, `${name}: status ${seen.status}`);
          check(seen.complaints.length === 0, `${name}: ${seen.complaints.join('; ')}`);
          check(seen.bytes < bytesMax, `${name}: ${seen.bytes} bytes`);
          check(await page.getAttribute('html', 'lang') === language, `${name}: wrong lang attribute`);
          await judgeLayout(page, name);
        });
      }
    }
  }
}

/// Error pages: the status stands, and the reader is told the next step.
async function judgeErrors() {
  for (const address of ['/nowhere', '/regimes/nowhere', '/regimes/nowhere/versions/1']) {
    for (const language of languages) {
      const name = `${address} ${language}`;
      await visit(withLanguage(address, language), { viewport: { width: 320, height: 900 } }, async (page, seen) => {
        check(seen.status === 404, `${name}: status ${seen.status}`);
        check(await page.getAttribute('html', 'lang') === language, `${name}: wrong lang attribute`);
        check(await page.locator('main a[href="/"]').count() === 1, `${name}: no way on`);
        await judgeLayout(page, name);
      });
    }
  }
}

async function judgeWithoutScripts(pages) {
  for (const address of pages) {
    await visit(address, { javaScriptEnabled: false }, async (page, seen) => {
      check(seen.status === 200, `${address} without scripts: status ${seen.status}`);
      check((await page.locator('main').innerText()).length > 40, `${address} without scripts: is empty`);
    });
  }
  await visit('/', { javaScriptEnabled: false }, async (page) => {
    await page.goto(`${base}/status`);
    await page.locator('.lang a[lang=ru]').click();
    check(new URL(page.url()).pathname === '/status', 'the language switch leaves the page');
    check(await page.getAttribute('html', 'lang') === 'ru', 'the language switch does nothing');
    await page.goto(`${base}/regimes`);
    check(await page.getAttribute('html', 'lang') === 'ru', 'the chosen language is forgotten');
  });
}

/// A draft is checked by form: as text and as a file, wrong and right, in each language.
async function judgeDrafts() {
  const wrong = draft.replace('status: pensioner', 'status: pensionr');
  for (const language of languages) {
    for (const width of widths) {
      const name = `draft ${language} ${width}px`;
      const options = { viewport: { width, height: 900 } };
      await visit(withLanguage('/drafts/new', language), options, async (page) => {
        await page.fill('#text', wrong);
        await Promise.all([page.waitForNavigation(), page.click('main form button')]);
        check(await page.locator('.finding').count() === 1, `${name}: the error isn't shown`);
        check((await page.locator('.finding pre').innerText()).includes('^'), `${name}: no caret`);
        check(await page.getAttribute('html', 'lang') === language, `${name}: the language is lost`);
        await judgeLayout(page, `${name} with an error`);
        await page.setInputFiles('#file', { name: 'regime.yaml', mimeType: 'text/yaml', buffer: Buffer.from(draft) });
        await Promise.all([page.waitForNavigation(), page.click('main form button')]);
        check(await page.locator('.note.go').count() === 1, `${name}: the good file isn't accepted`);
        check(await page.locator('svg.map path').count() > 70, `${name}: no map`);
        await judgeLayout(page, `${name} with a preview`);
        const next = languages[(languages.indexOf(language) + 1) % languages.length];
        await Promise.all([page.waitForNavigation(), page.locator(`.lang button[lang=${next}]`).click()]);
        check(await page.getAttribute('html', 'lang') === next && await page.locator('.note.go').count() === 1,
          `${name}: the language switch loses the draft`);
      });
    }
  }
}

/// Tab reaches everything, in the order it stands, and shows where it is.
async function judgeKeyboard(pages) {
  for (const address of pages) {
    await visit(address, {}, async (page) => {
      const wanted = await page.evaluate(() => {
        const all = [...document.querySelectorAll('a[href], button, select, textarea, input, summary, [tabindex="0"]')];
        const seen = all.filter((element) => element.checkVisibility());
        seen.forEach((element, index) => { element.dataset.stop = index; });
        return seen.length;
      });
      const stops = [];
      let dim = 0;
      for (let i = 0; i < wanted; i += 1) {
        await page.keyboard.press('Tab');
        const stop = await page.evaluate(() => {
          const element = document.activeElement;
          const style = getComputedStyle(element);
          return { index: Number(element.dataset.stop ?? -1), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
        });
        stops.push(stop.index);
        if (!stop.outline) dim += 1;
      }
      check(stops.every((stop, index) => stop === index), `${address}: Tab goes ${stops.join(' ')}`);
      check(dim === 0, `${address}: ${dim} stops don't show the focus`);
    });
    await visit(address, {}, async (page) => {
      await page.keyboard.press('Tab');
      check(await page.evaluate(() => document.activeElement.classList.contains('skip')), `${address}: no skip link first`);
      await page.keyboard.press('Enter');
      check(await page.evaluate(() => document.activeElement.id === 'main'), `${address}: the skip link leads nowhere`);
    });
  }
}

async function judgeOtherLooks(pages) {
  for (const address of pages) {
    await visit(address, { colorScheme: 'dark' }, async (page) => {
      const found = await violations(page);
      check(found.length === 0, `${address} dark: ${found.join(', ')}`);
    });
    await visit(address, {}, async (page) => {
      await page.emulateMedia({ media: 'print' });
      check(!await page.locator('.lang').isVisible(), `${address} in print: shows the language switch`);
      check(await page.locator('h1').isVisible(), `${address} in print: is empty`);
    });
  }
}

const pages = await crawl();
console.log(`${pages.length} pages: ${pages.join(' ')}`);
for (const needed of [/^\/regimes$/, /^\/regimes\/[^/]+$/, /\/territory$/, /\/versions\/\d+$/, /^\/drafts\/new$/, /^\/status$/]) {
  check(pages.some((address) => needed.test(address)), `no link leads to a page like ${needed}`);
}
await judgeEverywhere(pages);
await judgeErrors();
await judgeWithoutScripts(pages);
await judgeDrafts();
await judgeKeyboard(pages);
await judgeOtherLooks(pages);
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
