// How long a permit takes in headless Chromium: node browser.mjs BASE TEXT
//
// Prints {"mean", "p95", "worst", "bare"} in milliseconds over 2,000 verifications of the text by the inspector's own script
// with the list that BASE serves; bare: the mean of WebCrypto's Ed25519 verification alone, of a message of that length. Means
// are of the whole, since a page's clock counts tenths of a millisecond.
import { chromium } from 'playwright-core';

const [base, text] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'],
});
const page = await (await browser.newContext()).newPage();
await page.goto(`${base}/inspect?lang=en`, { waitUntil: 'networkidle' });
const found = await page.evaluate(async ([permit, host]) => {
  const list = await DayaqPermits.parseList(new Uint8Array(await (await fetch(`${host}/v1/permits/list`)).arrayBuffer()));
  const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']);
  const message = new Uint8Array(120);
  const signature = await crypto.subtle.sign('Ed25519', pair.privateKey, message);
  const times = [];
  const begun = performance.now();
  for (let i = 0; i < 2_000; i += 1) {
    const one = performance.now();
    const judged = await DayaqPermits.inspect(permit, list, Math.floor(Date.now() / 1000), 'Asia/Baku');
    times.push(performance.now() - one);
    if (judged.finding !== 'valid') throw new Error(`found ${judged.finding}`);
  }
  const ended = performance.now();
  for (let i = 0; i < 2_000; i += 1) {
    if (!await crypto.subtle.verify('Ed25519', pair.publicKey, signature, message)) throw new Error('the bare one failed');
  }
  const bare = performance.now() - ended;
  times.sort((a, b) => a - b);
  return { mean: (ended - begun) / 2_000, p95: times[1_900], worst: times[1_999], bare: bare / 2_000 };
}, [text, base]);
await browser.close();
console.log(JSON.stringify(found));
