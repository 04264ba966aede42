// Documents: node tests/services_pages/attachments.mjs BASE '[{"fin":...,"code":...}, {...}]' FOLDER
//
// With the word "full" behind it: on a disk that holds one of the larger files.
// FOLDER holds files made by tests/attachments_test.py, which runs clamd and speaks with this by lines: it says "go" when
// clamd has ended and when it is there again. A citizen attaches; an official opens what is clean.
import crypto from 'node:crypto';
import fs from 'node:fs';
import readline from 'node:readline';
import { at, check, enrol, addAuthenticator, finish, judge, newBrowser, step, submit } from '../pages/chromium.mjs';

const base = process.argv[2].replace(/\/$/, '');
const [citizen, official] = JSON.parse(process.argv[3]);
const folder = process.argv[4];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(what) {
  console.log(`ASK ${what}`);
  await lines.next();
}

const one = await newBrowser(base);
await addAuthenticator(one.page);
const two = await newBrowser(base);
await addAuthenticator(two.page);
const hash = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const shots = process.env.SHOTS;
const shot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }); };
const question = `${base}/services/attach/apply/paper`;

async function attach(file) {
  await one.page.goto(`${question}?change=1`);
  await one.page.setInputFiles('#answer', `${folder}/${file}`);
  await submit(one.page, '.ask form .go button');
}
async function send() {
  await one.page.goto(`${base}/services/attach/check`);
  await submit(one.page, 'form[action$="/send"] button');
  return at(one.page).split('/').pop();
}
/// What the office gets for a case's document: by the address, whether a link stands on the page or not.
async function opened(number) {
  await two.page.goto(`${base}/office/cases/${number}?organisation=digital-agency`);
  const links = await two.page.$$eval('a[href*="/files/"]', (all) => all.map((a) => a.href));
  if (links.length === 0) return { links: 0 };
  const answer = await two.context.request.get(links[0]);
  return { links: links.length, status: answer.status(), headers: answer.headers(), body: await answer.body(), link: links[0] };
}

await enrol(base, citizen, one.page);
await enrol(base, official, two.page);
await two.page.goto(`${base}/office?organisation=digital-agency`);

if (process.argv[5] === 'full') {
  await step('a full disk', async () => {
    await attach('good.pdf');
    check(at(one.page).endsWith('/check'), 'the first is refused');
    await attach('good3.pdf');
    check(at(one.page).endsWith('/paper') && await one.page.locator('[aria-invalid]').count() === 1, 'more than the disk holds is taken');
    await judge(one.page, 'a full disk');
    await attach('good2.pdf');
    check(at(one.page).endsWith('/check'), 'what the disk has room for is refused');
  });
  await finish();
}

await step('what lies is refused', async () => {
  const why = { 'program.pdf': 'another kind', 'page.png': 'another kind', 'archive.pdf': 'another kind', 'both.pdf': 'another kind',
    'large.pdf': 'at most 2 MB', 'larger.pdf': 'at most 2 MB', 'empty.pdf': 'empty', 'virus.pdf': 'Malware', 'bomb.pdf': 'Malware' };
  for (const [file, words] of Object.entries(why)) {
    await attach(file);
    check(at(one.page).endsWith('/paper') && await one.page.locator('#answer[aria-invalid=true]').count() === 1, `${file} is taken`);
    check((await one.page.locator('#answer-wrong').innerText()).includes(words), `${file}: ${await one.page.locator('#answer-wrong').innerText()}`);
  }
  await judge(one.page, 'a refused file');
});

await step('the same without scripts, in each language', async () => {
  const plain = await newBrowser(base, { javaScriptEnabled: false, viewport: { width: 320, height: 800 }, storageState: await one.context.storageState() });
  const said = { az: ['başqa növdəndir', 'ən çoxu 2 MB', 'ziyanlı proqram'], en: ['another kind', 'at most 2 MB', 'Malware'],
    ru: ['другого вида', 'не более 2 МБ', 'вредоносная'] };
  for (const [language, words] of Object.entries(said)) {
    for (const [i, file] of ['program.pdf', 'large.pdf', 'virus.pdf'].entries()) {
      await plain.page.goto(`${question}?change=1&lang=${language}`);
      await plain.page.setInputFiles('#answer', `${folder}/${file}`);
      await submit(plain.page, '.ask form .go button');
      check((await plain.page.locator('#answer-wrong').innerText()).includes(words[i]), `${language} ${file}: ${await plain.page.locator('#answer-wrong').innerText()}`);
      await shot(plain.page, `file_${file.split('.')[0]}_${language}_320`);
    }
  }
  await plain.page.goto(`${question}?change=1&lang=en`);
  await plain.page.setInputFiles('#answer', `${folder}/good2.pdf`);
  await submit(plain.page, '.ask form .go button');
  check(at(plain.page).endsWith('/check') && (await plain.page.locator('.answers').innerText()).includes('good2.pdf'), 'a good one is refused without scripts');
  await shot(plain.page, 'file_check_320');
  await plain.page.goto(question);
  check((await plain.page.locator('.kept').innerText()).includes('good2.pdf'), 'what is attached is not shown at its question');
  await shot(plain.page, 'file_kept_320');
  await submit(plain.page, '.ask form .go button');
  check(at(plain.page).endsWith('/check'), 'what is attached must be attached again');
  await plain.context.close();
});

await step('a good one reaches the office', async () => {
  await attach('good.pdf');
  check(at(one.page).endsWith('/check'), `good.pdf is refused: ${one.page.url()}`);
  const number = await send();
  const got = await opened(number);
  check(got.status === 200 && hash(got.body) === hash(fs.readFileSync(`${folder}/good.pdf`)), 'other bytes than were sent');
  check(got.headers?.['content-type'] === 'application/pdf' && got.headers['x-content-type-options'] === 'nosniff', 'the type may be guessed');
  check(got.headers?.['content-disposition']?.startsWith('attachment'), 'it is shown as a page');
  check(got.headers?.['cache-control'] === 'no-store', 'it is stored');
  const foreign = await one.context.request.get(got.link, { maxRedirects: 0 });
  check(foreign.status() >= 300, `a citizen opens an office's file: ${foreign.status()}`);
  const nobody = await (await newBrowser(base)).context.request.get(got.link, { maxRedirects: 0 });
  check([303, 401].includes(nobody.status()), `nobody opens an office's file: ${nobody.status()}`);
});

await step('many slow senders at once', async () => {
  const cookies = (await one.context.cookies(base)).map((c) => `${c.name}=${c.value}`).join('; ');
  await ask(`slow ${cookies}`);
  await attach('good.pdf');
  check(at(one.page).endsWith('/check'), 'behind slow senders nobody else is served');
  await ask('slow enough');
});

await step('a large one is written once', async () => {
  await ask('count');
  await attach('whole.pdf');
  check(at(one.page).endsWith('/check'), 'it is refused');
  await ask('counted');
});

await step('without the scanner', async () => {
  await ask('stop');
  await attach('good2.pdf');
  check(at(one.page).endsWith('/check'), 'nothing can be attached without the scanner');
  const waiting = await send();
  await attach('virus2.pdf');
  const infected = await send();
  check((await opened(waiting)).status !== 200 && (await opened(infected)).status !== 200, 'what was not scanned is opened');
  await two.page.goto(`${base}/office/cases/${waiting}?organisation=digital-agency`);
  await judge(two.page, 'a case whose document waits');
  await ask('start');
  let good = {};
  for (let i = 0; i < 60 && good.status !== 200; i += 1) {
    await new Promise((done) => { setTimeout(done, 500); });
    good = await opened(waiting);
  }
  check(good.status === 200, 'it is never scanned');
  await new Promise((done) => { setTimeout(done, 2000); });
  check((await opened(infected)).status !== 200, 'an infected file is opened');
});

await finish();
