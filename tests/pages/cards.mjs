// A person makes a digital ID with an identity card, signs out and in again, in headless Chromium:
// node cards.mjs '{"origin":...,"door":...,"cert":FILE,"key":FILE}'. Ends with 1 if anything isn't as it should be.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { origin, door, cert, key } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en',
    clientCertificates: [{ origin: door, certPath: cert, keyPath: key }] });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  const use = async (path, button) => {
    await page.goto(origin + path);
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(button)]);
    return page.url();
  };
  assert.equal(await use('/enrol', `form[action="${door}/enrol/card"] button`), `${origin}/my/authenticators`);
  assert.match(await page.textContent('main'), /Identity card/);
  await Promise.all([page.waitForNavigation(), page.click('form[action="/sign-out"] button')]);
  assert.equal(await use('/sign-in?level=high&then=/my/data', `form[action="${door}/sign-in/card"] button`), `${origin}/my/data`);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
