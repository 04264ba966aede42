// Chromium and axe-core judge every page of a running node:
//
//   node tests/pages/run.mjs http://localhost:8080
//
// Pages are found by following links from the home page. Each is judged in three languages at 320 pixels, light, and at
// 1280, dark: no axe violation, no sideways scrolling, under 50 KB with styles, nothing on the console, the right
// language. Then without scripts, by keyboard alone, and in print. The last line says how many checks passed.
import fs from 'node:fs';
import { at, check, finish, judge, judgePages, languages, newBrowser } from './chromium.mjs';

const base = (process.argv[2] ?? 'http://localhost:8080').replace(/\/$/, '');
const draft = fs.readFileSync(new URL('../../country/az/regimes/special-quarantine.yaml', import.meta.url), 'utf8');

/// Hands over a page of a new visitor; what goes wrong is a failed check.
async function visitor(name, options, body) {
  const { context, page } = await newBrowser(base, options);
  try {
    await body(page);
  } catch (error) {
    check(false, `${name}: ${error.message}`);
  } finally {
    await context.close();
  }
}

/// Passkeys need a script; no other page has any.
const scripts = (path) => (/^\/(sign-in|enrol|recover)$/.test(path) ? 1 : 0);

const withLanguage = (address, language) => `${address}${address.includes('?') ? '&' : '?'}lang=${language}`;

/// All pages that links lead to: one for each path, and one with a query. What else they lead to must be there. Those
/// that ask a visitor to sign in are left out: other tests judge them signed in.
async function crawl() {
  const found = new Map([['/', '/']]);
  const others = new Set();
  const behind = new Set();
  await visitor('crawl', {}, async (page) => {
    for (const address of found.values()) {
      await page.goto(base + withLanguage(address, 'en'));
      if (at(page) !== address.split('?')[0]) {
        check(at(page) === '/sign-in', `${address} leads to ${page.url()}`);
        behind.add(address);
      }
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
    }
  });
  for (const href of others) {
    const { status } = await fetch(href);
    check(status === 200, `${href} is linked and answers ${status}`);
  }
  return [...found.values()].filter((address) => !behind.has(address));
}

/// Error pages: the status stands, and the reader is told the next step.
async function judgeErrors() {
  await visitor('error pages', { viewport: { width: 320, height: 900 } }, async (page) => {
    for (const address of ['/nowhere', '/regimes/nowhere', '/regimes/nowhere/versions/1']) {
      for (const language of languages) {
        const name = `${address} ${language}`;
        const response = await page.goto(base + withLanguage(address, language));
        check(response.status() === 404, `${name}: status ${response.status()}`);
        check(await page.getAttribute('html', 'lang') === language, `${name}: wrong lang attribute`);
        check(await page.locator('main a[href="/"]').count() === 1, `${name}: no way on`);
        await judge(page, name);
      }
    }
  });
}

async function judgeWithoutScripts(pages) {
  await visitor('without scripts', { javaScriptEnabled: false }, async (page) => {
    for (const address of pages) {
      const response = await page.goto(base + address);
      check(response.status() === 200, `${address} without scripts: status ${response.status()}`);
      check((await page.locator('main').innerText()).length > 40, `${address} without scripts: is empty`);
    }
    await page.goto(`${base}/status`);
    await page.locator('.lang a[lang=ru]').click();
    check(at(page) === '/status', 'the language switch leaves the page');
    check(await page.getAttribute('html', 'lang') === 'ru', 'the language switch does nothing');
    await page.goto(`${base}/regimes`);
    check(await page.getAttribute('html', 'lang') === 'ru', 'the chosen language is forgotten');
  });
}

/// A draft is checked by form: as text and as a file, wrong and right, in each language.
async function judgeDrafts() {
  const wrong = draft.replace('status: pensioner', 'status: pensionr');
  for (const language of languages) {
    for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark']]) {
      const name = `draft ${language} ${width}px`;
      await visitor(name, { viewport: { width, height: 900 }, colorScheme }, async (page) => {
        await page.goto(base + withLanguage('/drafts/new', language));
        await page.fill('#text', wrong);
        await Promise.all([page.waitForNavigation(), page.click('main form button')]);
        check(await page.locator('.finding').count() === 1, `${name}: the error isn't shown`);
        check((await page.locator('.finding pre').innerText()).includes('^'), `${name}: no caret`);
        check(await page.getAttribute('html', 'lang') === language, `${name}: the language is lost`);
        await judge(page, `${name} with an error`);
        await page.setInputFiles('#file', { name: 'regime.yaml', mimeType: 'text/yaml', buffer: Buffer.from(draft) });
        await Promise.all([page.waitForNavigation(), page.click('main form button')]);
        check(await page.locator('.note.go').count() === 1, `${name}: the good file isn't accepted`);
        check(await page.locator('svg.map path').count() > 70, `${name}: no map`);
        await judge(page, `${name} with a preview`);
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
  await visitor('by keyboard', {}, async (page) => {
    for (const address of pages) {
      await page.goto(base + address);
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
      await page.goto(base + address);
      await page.keyboard.press('Tab');
      check(await page.evaluate(() => document.activeElement.classList.contains('skip')), `${address}: no skip link first`);
      await page.keyboard.press('Enter');
      check(await page.evaluate(() => document.activeElement.id === 'main'), `${address}: the skip link leads nowhere`);
    }
  });
}

async function judgePrint(pages) {
  await visitor('in print', {}, async (page) => {
    await page.emulateMedia({ media: 'print' });
    for (const address of pages) {
      await page.goto(base + address);
      check(!await page.locator('.lang').isVisible(), `${address} in print: shows the language switch`);
      check(await page.locator('h1').isVisible(), `${address} in print: is empty`);
    }
  });
}

const pages = await crawl();
console.log(`${pages.length} pages: ${pages.join(' ')}`);
for (const needed of [/^\/regimes$/, /^\/regimes\/[^/]+$/, /\/territory$/, /\/versions\/\d+$/, /^\/drafts\/new$/, /^\/status$/]) {
  check(pages.some((address) => needed.test(address)), `no link leads to a page like ${needed}`);
}
await judgePages(base, undefined, pages, { scripts });
await judgeErrors();
await judgeWithoutScripts(pages);
await judgeDrafts();
await judgeKeyboard(pages);
await judgePrint(pages);
await finish();
