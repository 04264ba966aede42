// The inspector's page in headless Chromium: node inspect.mjs BASE '{"valid": {sms, qr, claims}, ...}' [FOLDER FOR PICTURES]
//
// Verifies permits with and without a network, without scripts, with a camera, in three languages at 320 and 1280 pixels.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const base = process.argv[2].replace(/\/$/, '');
const permits = JSON.parse(process.argv[3]);
const shots = process.argv[4];
const axe = fs.readFileSync(path.join(here, 'node_modules/axe-core/axe.min.js'), 'utf8');
const bytesMax = 50_000;
const words = { valid: 'VALID', other_day: 'FROM ANOTHER DAY', not_yet: 'NOT YET VALID', revoked: 'REVOKED', unknown_key: 'UNKNOWN KEY' };
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
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
});
async function open(options = {}, url = '/inspect?lang=en') {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000); // a machine that builds beside it is slow, and that's no failure
  const errors = [];
  page.on('pageerror', (error) => errors.push(`${error}`));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  if (url) await page.goto(base + url);
  return { context, page, errors };
}
async function verdict(page, text) {
  await page.evaluate(() => document.getElementById('result').replaceChildren());
  await page.fill('#permit', text);
  await page.click('#form button');
  await page.waitForSelector('#result .verdict');
  return { word: (await page.textContent('#result .verdict strong')).trim(),
    state: await page.getAttribute('#result .verdict', 'data-state'),
    text: await page.textContent('#result') };
}
async function judge(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
  check(found.violations.length === 0, `${name}: axe ${found.violations.map((v) => `${v.id} ${v.nodes[0].target}`).join(', ')}`);
  const seen = await page.evaluate(() => ({
    sideways: document.documentElement.scrollWidth - innerWidth,
    headings: document.querySelectorAll('h1').length,
    inline: document.querySelectorAll('[style]').length,
    small: [...document.querySelectorAll('#inspect button')].filter((b) => b.offsetParent && b.getBoundingClientRect().height < 44).length,
  }));
  check(seen.sideways <= 0, `${name}: scrolls sideways by ${seen.sideways}`);
  // Axe leaves a style of its own when it has run before.
  check(seen.headings === 1 && (seen.inline === 0 || !name.includes('empty')) && seen.small === 0, `${name}: ${JSON.stringify(seen)}`);
}

// -- its weight, and what is shown for each permit
{
  const { context, page, errors } = await open({}, null);
  let bytes = 0;
  page.on('response', async (answer) => { // what the worker fetches for later is not the page's weight
    if (!answer.request().serviceWorker()) bytes += (await answer.body().catch(() => Buffer.alloc(0))).length;
  });
  await page.goto(`${base}/inspect?lang=en`, { waitUntil: 'networkidle' });
  const weight = bytes;
  check(weight > 10_000 && weight <= bytesMax, `weighs ${weight} bytes`);
  console.log(`the page, its script, style and list: ${weight} bytes`);
  for (const [finding, word] of Object.entries(words)) {
    for (const form of ['sms', 'qr']) {
      const seen = await verdict(page, permits[finding][form]);
      check(seen.word === word && seen.state === finding, `${finding} by ${form}: ${seen.word}`);
      if (finding !== 'unknown_key') check(seen.text.includes(permits[finding].claims.subject), `${finding}: the national id`);
    }
  }
  const valid = await verdict(page, permits.valid.sms);
  check(valid.text.includes('bazar; AZ-BA') && valid.text.includes('Leaving home'), 'detail and kind');
  check(valid.text.includes('already checked'), 'one that comes back after others is noticed');
  check(!(await verdict(page, permits.other.sms)).text.includes('already checked'), 'a first one is not');
  check(!(await verdict(page, permits.other.sms)).text.includes('already checked'), 'nor the same twice in a row');
  const forged = permits.valid.sms.slice(0, 120) + (permits.valid.sms[120] === 'A' ? 'B' : 'A') + permits.valid.sms.slice(121);
  check((await verdict(page, forged)).state === 'forged', 'a changed letter');
  check((await verdict(page, 'hello')).state === 'no_permit', 'something else');
  check((await verdict(page, permits.valid.sms.replace(/(.{40})/g, '$1 \n'))).state === 'valid', 'broken over lines');
  check(await page.evaluate(() => document.activeElement.id) === 'result', 'the answer has the focus');
  check((await page.textContent('#list-state')).includes('2026') || /20\d\d/.test(await page.textContent('#list-state')), 'the age of the list');

  check(errors.length === 0, `no errors: ${errors.join('; ')}`);
  await context.close();
}

// -- offline after the first visit
{
  const { context, page } = await open();
  await page.waitForFunction(() => /ready to open/.test(document.getElementById('offline-state').textContent));
  await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
  await context.setOffline(true);
  check((await verdict(page, permits.valid.sms)).state === 'valid', 'offline, the page open');
  for (const url of ['/inspect?lang=en', '/inspect', '/inspect?lang=ru', '/inspect?lang=az']) {
    await page.goto(base + url);
    await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
    for (const finding of Object.keys(words)) {
      check((await verdict(page, permits[finding].sms)).state === finding, `offline, ${url}: ${finding}`);
    }
    check(await page.evaluate(() => getComputedStyle(document.querySelector('.verdict')).borderRadius) === '8px', `offline, ${url}: its style`);
  }
  const another = await context.newPage();
  await another.goto(`${base}/inspect?lang=en`);
  check((await verdict(another, permits.revoked.qr)).state === 'revoked', 'offline, another tab: the list is there');
  await context.setOffline(false);
  await page.goto(`${base}/inspect?lang=en`);
  check((await verdict(page, permits.valid.sms)).state === 'valid', 'online again');
  await context.setOffline(true);
  // Two days later, still offline: the list says that it is old, and what has ended has ended. (After one day a permit that
  // ended past midnight would be from the same day.)
  await another.clock.install({ time: Date.now() + 48 * 3600_000 });
  await another.goto(`${base}/inspect?lang=en`);
  await another.waitForSelector('#list-state.old');
  check((await verdict(another, permits.valid.sms)).state === 'other_day', 'two days later: from another day');
  await context.close();
}

// -- a clock that was set back brings nothing back
{
  const { context, page } = await open({}, null);
  await page.clock.install({ time: (permits.other_day.claims.from + 60) * 1000 });
  await page.goto(`${base}/inspect?lang=en`);
  check((await verdict(page, permits.other_day.sms)).state === 'other_day', 'a clock that was set back');
  await context.close();
}

// -- without scripts the server does it
{
  const { context, page } = await open({ javaScriptEnabled: false });
  for (const [finding, word] of Object.entries(words)) {
    await page.fill('#permit', permits[finding].sms);
    await Promise.all([page.waitForNavigation(), page.click('#form button')]);
    check((await page.textContent('#result strong')).trim() === word, `without scripts: ${finding}`);
  }
  await page.fill('#permit', '<b>&"');
  await Promise.all([page.waitForNavigation(), page.click('#form button')]);
  check((await page.inputValue('#permit')) === '<b>&"', 'what was typed stands there again, as text');
  check(await page.isVisible('noscript') || (await page.textContent('#list-title')) !== '', 'and says so');
  await context.close();
}

// -- a browser that can't verify: the server does it, and the page says so
{
  const { context, page } = await open({}, null);
  await page.addInitScript(() => {
    SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError'));
  });
  await page.goto(`${base}/inspect?lang=en`);
  await page.waitForFunction(() => /the server checks/.test(document.getElementById('list-state').textContent));
  await page.fill('#permit', permits.valid.sms);
  await Promise.all([page.waitForNavigation(), page.click('#form button')]);
  check((await page.textContent('#result strong')).trim() === 'VALID', 'without Ed25519 in the browser');
  await context.close();
}

// -- the camera, where the browser reads codes (here a reader that finds one after a while)
{
  const { context, page } = await open({ permissions: ['camera'] }, null);
  await page.addInitScript((text) => {
    let looks = 0;
    window.BarcodeDetector = class {
      static async getSupportedFormats() {
        return ['qr_code'];
      }
      async detect(video) {
        looks += 1;
        return video.videoWidth > 0 && looks > 3 ? [{ rawValue: 'https://example.org' }, { rawValue: text }] : [];
      }
    };
  }, permits.valid.qr);
  await page.goto(`${base}/inspect?lang=en`);
  await page.click('#scan');
  await page.waitForSelector('#result .verdict.valid');
  check(await page.isHidden('#video') && await page.isVisible('#scan'), 'the camera is closed once a permit is found');
  check(await page.evaluate(() => document.getElementById('video').srcObject.getTracks().every((t) => t.readyState === 'ended')), 'and its light is off');
  await context.close();
}

// -- how it looks
for (const language of ['az', 'en', 'ru']) {
  for (const width of [320, 1280]) {
    const { context, page, errors } = await open({ viewport: { width, height: 720 }, bypassCSP: true }, `/inspect?lang=${language}`);
    await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
    await judge(page, `${language} ${width}, empty`);
    if (shots) await page.screenshot({ path: `${shots}/${language}-${width}-empty.png`, fullPage: true });
    for (const finding of Object.keys(words)) {
      await verdict(page, permits[finding].sms);
      await judge(page, `${language} ${width}, ${finding}`);
      if (shots) await page.screenshot({ path: `${shots}/${language}-${width}-${finding}.png` });
    }
    check(errors.length === 0, `${language} ${width}: ${errors.join('; ')}`);
    await context.close();
  }
}
for (const colorScheme of ['dark']) {
  const { context, page } = await open({ viewport: { width: 320, height: 720 }, colorScheme, bypassCSP: true });
  await verdict(page, permits.valid.sms);
  await judge(page, colorScheme);
  if (shots) await page.screenshot({ path: `${shots}/dark.png`, fullPage: true });
  await context.close();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
