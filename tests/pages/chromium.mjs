// What the tests of pages behind a sign-in share: Chromium, judging a page, enrolling a made-up person, codes of an app.
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const pages = fileURLToPath(new URL('./', import.meta.url));
if (!fs.existsSync(path.join(pages, 'node_modules'))) {
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: pages, stdio: 'inherit' });
  if (done.status !== 0) process.exit(1);
}
const { chromium } = createRequire(path.join(pages, 'package.json'))('playwright-core');
const axe = fs.readFileSync(path.join(pages, 'node_modules/axe-core/axe.min.js'), 'utf8');

export const languages = ['az', 'en', 'ru'];
export const bytesMax = 50_000;
export const counts = { passed: 0, failed: 0 };
export function check(good, what) {
  if (good) counts.passed += 1;
  else {
    counts.failed += 1;
    console.log(`FAILED ${what}`);
  }
}

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

export async function newBrowser(base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en', bypassCSP: true, ...options });
  if (!options.storageState) await context.addCookies([{ name: 'lang', value: 'en', url: base }]);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return { context, page };
}

export async function addAuthenticator(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  return devtools;
}

export async function submit(page, selector) {
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.locator(selector).first().click()]);
}
export const at = (page) => new URL(page.url()).pathname;

export async function enrol(base, person, page) {
  await page.goto(`${base}/enrol`);
  await page.fill('#nid', person.fin);
  await page.fill('#code', person.code);
  await submit(page, 'form[action="/enrol/code"] button');
  await submit(page, 'form[data-passkey] button');
}

/// The code that an app for codes shows, `steps` half minutes from now; `secret` in base32, as the page shows it.
export function totp(secret, steps = 0) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(' ', '')].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = crypto.createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/// What no page may have: sideways scrolling, more than one h1, more scripts than it needs, inline styles or scripts, a
/// violation that axe finds.
export async function judge(page, name, { scripts = 0 } = {}) {
  const seen = await page.evaluate(() => ({
    sideways: document.documentElement.scrollWidth - innerWidth,
    headings: document.querySelectorAll('h1').length,
    scripts: document.scripts.length,
    inline: document.querySelectorAll('[style], script:not([src])').length,
    title: document.title.length,
  }));
  check(seen.sideways <= 0, `${name}: ${seen.sideways} pixels wider than the window`);
  check(seen.headings === 1, `${name}: ${seen.headings} h1`);
  check(seen.scripts <= scripts, `${name}: ${seen.scripts} scripts`);
  check(seen.inline === 0, `${name}: inline styles or scripts`);
  check(seen.title > 3, `${name}: no title`);
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  const found = result.violations.map((v) => `${v.id} (${v.nodes.slice(0, 2).map((n) => n.target.join(' ')).join('; ')})`);
  check(found.length === 0, `${name}: ${found.join(', ')}`);
}

/// Pages that somebody with these cookies sees, in each language, narrow and light and wide and dark; pictures of the narrow
/// Azerbaijani and the wide English ones go to `shots`. `scripts`: how many a page may have, or a function of its path.
export async function judgePages(base, state, paths, { shots, scripts = 0 } = {}) {
  for (const language of languages) {
    for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark']]) {
      const { context, page } = await newBrowser(base, { viewport: { width, height: 900 }, colorScheme, storageState: state });
      for (const address of paths) {
        const name = `${address} ${language} ${width} ${colorScheme}`;
        const complaints = [];
        const sizes = [];
        const onConsole = (m) => { if (['error', 'warning'].includes(m.type())) complaints.push(m.text()); };
        const onError = (e) => complaints.push(String(e));
        const onFailed = (r) => complaints.push(`${r.url()} ${r.failure()?.errorText}`);
        const onResponse = (r) => sizes.push(r.body().then((b) => b.length, () => 0));
        page.on('console', onConsole);
        page.on('pageerror', onError);
        page.on('requestfailed', onFailed);
        page.on('response', onResponse);
        const response = await page.goto(`${base}${address}${address.includes('?') ? '&' : '?'}lang=${language}`);
        check(response.status() === 200, `${name}: status ${response.status()}`);
        check(at(page) === address.split('?')[0], `${name}: leads to ${page.url()}`);
        const bytes = (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
        check(bytes < bytesMax, `${name}: ${bytes} bytes`);
        check(await page.getAttribute('html', 'lang') === language, `${name}: wrong language`);
        await judge(page, name, { scripts: typeof scripts === 'function' ? scripts(at(page)) : scripts });
        check(complaints.length === 0, `${name}: ${complaints.join('; ')}`);
        if (shots && language === (width === 320 ? 'az' : 'en')) {
          await page.screenshot({ path: path.join(shots, `${address.replace(/\W+/g, '_')}_${width}.png`), fullPage: true });
        }
        page.off('console', onConsole);
        page.off('pageerror', onError);
        page.off('requestfailed', onFailed);
        page.off('response', onResponse);
      }
      await context.close();
    }
  }
}

/// Runs one test; a failure says where.
export async function step(name, body) {
  try {
    await body();
  } catch (error) {
    check(false, `${name}: ${error.message.split('\n').slice(0, 2).join(' ')} ${error.stack.split('\n').filter((l) => l.includes('/tests/')).join(' ')}`);
  }
}

export async function finish() {
  await browser.close();
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
}
