// A permit that is revoked while an inspector is offline: node revoked.mjs BASE TEXT. Says "offline" when the page is, and
// goes on when a line comes.
import readline from 'node:readline';
import { browser, check, finish } from '../pages/chromium.mjs';

const [base, text] = process.argv.slice(2);
const context = await browser.newContext({ locale: 'en' });
const page = await context.newPage();
page.setDefaultTimeout(60_000);
async function verdict() {
  await page.evaluate(() => document.getElementById('result').replaceChildren());
  await page.fill('#permit', text);
  await page.click('#form button');
  await page.waitForSelector('#result .verdict');
  return page.getAttribute('#result .verdict', 'data-state');
}
const state = () => page.textContent('#list-state');

await page.goto(`${base}/inspect?lang=en`);
await page.waitForFunction(() => /ready to open/.test(document.getElementById('offline-state').textContent));
await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
check(await verdict() === 'valid', 'before it is revoked');
await context.setOffline(true);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log('offline');
await lines.next();
await page.goto(`${base}/inspect?lang=en`);
await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
const older = await state();
check(await verdict() === 'valid', 'offline, the older list knows nothing of it');
check(/made: \d\d\.\d\d\.\d{4} \d\d:\d\d/.test(older), `offline, when the list was made: ${older}`);
check(/Age: 0 h \d+ min/.test(older), `offline, how old that is: ${older}`);
await context.setOffline(false);
let found = '';
for (const end = Date.now() + 90_000; found !== 'revoked' && Date.now() < end;) {
  await page.click('#renew');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  found = await verdict();
}
check(found === 'revoked', `with the next list: ${found}`);
check((await page.textContent('#result')).includes('REVOKED'), 'in words');
await context.setOffline(true);
await page.goto(`${base}/inspect?lang=en`);
await page.waitForFunction(() => /\d/.test(document.getElementById('list-state').textContent));
check(await verdict() === 'revoked', 'offline again, it stays so');
await finish();
