// A person makes a digital ID with an identity card, adds a second one and removes it, signs out and in again, in headless
// Chromium: node cards.mjs '{"origin":...,"door":...,"cards":[FILE,FILE]}' (FILE.pem, FILE.key). Ends with 1 if anything isn't as it should be.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { origin, door, cards } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const complaints = [];
  const opened = async (card, storageState) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en', storageState,
      clientCertificates: [{ origin: door, certPath: `${card}.pem`, keyPath: `${card}.key` }] });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
    return page;
  };
  const use = async (page, path, button) => {
    await page.goto(origin + path);
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(button)]);
    return page.url();
  };
  const list = `${origin}/my/authenticators`;
  const page = await opened(cards[0]);
  assert.equal(await use(page, '/enrol', `form[action="${door}/enrol/card"] button`), list);
  assert.match(await page.textContent('main'), /Identity card/);

  // The renewed card, in the reader of the same browser.
  const renewed = await opened(cards[1], await page.context().storageState());
  assert.equal(await use(renewed, '/my/authenticators', `form[action="${door}/my/authenticators/card"] button`), list);
  const shown = renewed.locator('ul.cards > li', { hasText: 'Identity card' });
  assert.equal(await shown.count(), 2);
  await shown.last().locator('summary').click();
  await Promise.all([renewed.waitForNavigation(), shown.last().locator('form[action$="remove"] button').click()]);
  assert.equal(await shown.count(), 1);

  await page.goto(`${origin}/my`);
  await Promise.all([page.waitForNavigation(), page.click('form[action="/sign-out"] button')]);
  const back = await opened(cards[0]);
  const left = await use(back, '/sign-in?level=high&then=/my/data', `form[action="${door}/sign-in/card"] button`);
  const other = left === `${origin}/my/data` ? left
    : await use(await opened(cards[1]), '/sign-in?level=high&then=/my/data', `form[action="${door}/sign-in/card"] button`);
  assert.equal(other, `${origin}/my/data`, 'neither card signs in');
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
