// The office's, the ministry's and the employer's pages: node tests/office_pages/office.mjs BASE SETUP.json [FOLDER]
// Pictures go to FOLDER. The last line says how many checks passed.
import fs from 'node:fs';
import readline from 'node:readline';
import { addAuthenticator, at, check, enrol, finish, judge, judgePages, newBrowser, step, submit } from '../pages/chromium.mjs';

const base = process.argv[2].replace(/\/$/, '');
const setup = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'));
const shots = process.argv[4];
const [citizen, official] = setup.persons;
const { agency, employer } = setup;

const one = await newBrowser(base);  // who applies; also an official of the agency and of a firm
await addAuthenticator(one.page);
const two = await newBrowser(base);  // an official of the agency and of another body
await addAuthenticator(two.page);
await enrol(base, citizen, one.page);
await enrol(base, official, two.page);
// A second official of the agency, who gets a digital ID at the counter of the first.
const three = await newBrowser(base);
await addAuthenticator(three.page);
await two.page.goto(`${base}/office/counter?organisation=digital-agency`);
await two.page.fill('#national_id', setup.colleague);
await two.page.fill('#document', 'passport AZE 1234567');
await submit(two.page, 'form[action="/office/counter"] button');
await enrol(base, { fin: setup.colleague, code: await two.page.locator('.number').innerText() }, three.page);
const text = (page, selector) => page.locator(selector).first().innerText();
const shot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }); };
const ask = (question) => new Promise((resolve) => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.once('line', (line) => { lines.close(); resolve(line); });
  console.log(question);
});

async function tokenOf(page) {
  await page.goto(`${base}/office/permits?organisation=${page === one.page ? employer : agency}`);
  return page.locator('input[name=form]').first().inputValue();
}
const post = (who, path, form) => who.context.request.post(base + path, {
  data: new URLSearchParams(form).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' }, maxRedirects: 0 });

async function apply(words) {
  const { page } = one;
  await page.goto(`${base}/services/looked-at/apply`);
  await page.fill('#answer', words);
  await submit(page, '.ask form .go button');
  await submit(page, 'form[action$="/send"] button');
  return (await text(page, '.receipt .number')).trim();
}

/// The person who applies, in a browser that runs no scripts.
const withoutScripts = async (options = {}) => newBrowser(base, { javaScriptEnabled: false,
  storageState: await one.context.storageState(), ...options });

const numbers = [];
await step('applications arrive in the queue', async () => {
  for (let i = 0; i < 6; i += 1) numbers.push(await apply(`səbəb ${i} <b>`));
  await one.page.goto(`${base}/services/looked-at/apply`);  // begun, and stopped at its question
  await two.page.goto(`${base}/office?organisation=${agency}`);
  await submit(two.page, 'a[href^="/office/cases"]');
  check(at(two.page) === '/office/cases', `the console leads to ${two.page.url()}`);
  check(await two.page.locator('.queue tbody tr').count() === 6, `there are ${await two.page.locator('.queue tbody tr').count()} in the queue`);
  check((await text(two.page, '.figs dd')) === '6', 'the count is wrong');
  const order = await two.page.locator('.queue tbody th a').allInnerTexts();
  check(order.join() === numbers.join(), `the most urgent is not first: ${order} / ${numbers}`);
});

const caseUrl = (number) => `/office/cases/${number}?organisation=${agency}`;
await step('two officials want the same one at once', async () => {
  const self = { form: await tokenOf(one.page), organisation: agency, revision: '1', do: 'claim' };
  check((await (await post(one, `/office/cases/${numbers[0]}`, self)).text()).includes('application is your own'), 'who applied takes it up');
  await one.page.goto(base + caseUrl(numbers[0]));
  check(await one.page.locator('button[value=claim], button[value=grant]').count() === 0
    && (await text(one.page, '#take ~ p')).includes('Another official'), 'who applied may decide');
  const forms = [];
  for (const who of [three, two]) forms.push({ form: await tokenOf(who.page), organisation: agency, revision: '1', do: 'claim' });
  const answers = await Promise.all([three, two].map((who, i) => post(who, `/office/cases/${numbers[0]}`, forms[i])));
  check(answers.every((a) => a.status() === 200), `they answer ${answers.map((a) => a.status())}`);
  const bodies = await Promise.all(answers.map((a) => a.text()));
  check(bodies.filter((b) => b.includes('note go')).length === 1 && bodies.filter((b) => b.includes('note bad')).length === 1,
    'not one has it and the other is told');
  const loser = bodies[0].includes('note bad') ? three : two;
  const refused = await post(loser, `/office/cases/${numbers[0]}`, { form: forms[loser === three ? 0 : 1].form, organisation: agency, revision: '2', do: 'grant', reason: 'x' });
  check((await refused.text()).includes('note bad'), 'one who does not have it decides');
  const winner = loser === three ? two : three;
  await winner.page.goto(base + caseUrl(numbers[0]));
  await submit(winner.page, 'button[value=release]');
  check(await winner.page.locator('.note.go').count() === 1, 'it is not put back');
});

await step('one case: taken up, asked, answered, refused with a reason, noted', async () => {
  const { page } = two;
  await page.goto(base + caseUrl(numbers[0]));
  check((await text(page, 'main')).includes('səbəb 0 <b>'), 'the answer is not shown as it was given');
  check((await text(page, 'main')).includes(citizen.fin), 'what is known is not shown');
  await submit(page, 'button[value=claim]');
  await page.fill('#reason', '');
  await submit(page, 'button[value=refuse]');
  check(await page.locator('.note.bad').count() === 1, 'a refusal without a reason is taken');
  await judge(page, 'a case with an error');
  await page.fill('#words', 'Zəng edildi');
  await submit(page, 'button[value=note]');
  check((await text(page, '.history')).includes('Zəng edildi'), 'the note is not in the history');
  await shot(page, 'case_claimed_1280');
  await page.fill('#reason', 'Hansı gün?');
  await submit(page, 'button[value=ask]');
  check((await text(page, '.tags')).length > 3 && await page.locator('button[value=grant]').count() === 0, 'while it waits it may be decided');
  const mine = `/my/cases/${numbers[0]}`;
  await judgePages(base, await one.context.storageState(), [mine], { shots: shots && `${shots}/asked` });
  const plain = await withoutScripts();
  await plain.page.goto(`${base}${mine}`);
  check((await text(plain.page, 'main')).includes('Hansı gün?'), 'the question does not arrive');
  await plain.page.fill('#reply', '   ');
  await submit(plain.page, '.act form button');
  check(await plain.page.locator('.note.bad[role=status]').count() === 1, 'an empty reply is taken');
  await plain.page.fill('#reply', 'Sabah');
  await submit(plain.page, '.act form button');
  check(await plain.page.locator('.note.go[role=status]').count() === 1 && await plain.page.locator('#reply').count() === 0, 'the reply is not confirmed');
  await plain.context.close();
  await page.goto(base + caseUrl(numbers[0]));
  check((await text(page, '.history')).includes('Sabah'), 'the reply does not arrive');
  if (await page.locator('button[value=claim]').count() > 0) await submit(page, 'button[value=claim]');
  await page.selectOption('#suggested', 'p1');
  await submit(page, 'button[value=refuse]');
  check(await page.locator('.note.go').count() === 1, 'it is not refused');
  await one.page.goto(`${base}/my/cases/${numbers[0]}?lang=ru`);
  check((await text(one.page, 'main')).includes('Указанные сведения'), 'a suggested reason is not in the reader’s language');
  await one.page.goto(`${base}/my/access?lang=en`);
  check((await text(one.page, 'main')).includes(numbers[0]), 'who read the case is not seen by the person');
});

await step('a refusal is appealed, without scripts, and decided by the other official', async () => {
  const mine = `/my/cases/${numbers[0]}`;
  const { page } = two;
  await judgePages(base, await one.context.storageState(), [mine], { shots: shots && `${shots}/refused` });
  const plain = await withoutScripts({ viewport: { width: 320, height: 800 } });
  await plain.page.goto(`${base}${mine}`);
  await plain.page.locator('#appeal ~ details summary').click();
  if (shots) await plain.page.screenshot({ path: `${shots}/appeal_320.png`, fullPage: true });
  await plain.page.fill('#why', ' ');
  await submit(plain.page, 'form[action$="/appeal"] button');
  check(await plain.page.locator('.note.bad[role=status]').count() === 1, 'an appeal without a word is taken');
  await plain.page.locator('#appeal ~ details summary').click();
  await plain.page.fill('#why', 'Sənədlər <düzgündür>');
  await submit(plain.page, 'form[action$="/appeal"] button');
  check(await plain.page.locator('.note.go[role=status]').count() === 1, 'the appeal is not confirmed');
  check((await text(plain.page, '.history')).includes('Sənədlər <düzgündür>'), 'the appeal is not in the history');
  check(await plain.page.locator('form[action$="/appeal"]').count() === 0, 'one may appeal twice');
  await one.page.goto(`${base}${mine}`);
  await judge(one.page, 'an appeal that was sent');

  await page.goto(`${base}/office/cases?organisation=${agency}`);
  check((await page.locator('.queue tbody').innerText()).includes(numbers[0]), 'the appeal is not in the queue');
  await page.goto(base + caseUrl(numbers[0]));
  check((await text(page, '.facts')).includes('appealed') && (await text(page, '.history')).includes('Sənədlər <düzgündür>'),
    'the office does not see that it is an appeal and why');
  check(await page.locator('button[value=claim], button[value=grant]').count() === 0
    && (await text(page, '#take ~ p')).includes('Another official'), 'who refused it may decide on the appeal');
  const refused = await post(two, `/office/cases/${numbers[0]}`, { form: await page.locator('input[name=form]').first().inputValue(),
    organisation: agency, revision: await page.locator('input[name=revision]').first().inputValue(), do: 'claim' });
  check((await refused.text()).includes('note bad') && (await refused.text()).includes('another official decides'), 'who refused it claims the appeal');
  check((await text(page, '.history')).includes('by the rules'), 'the rules are not credited with what they did');
  await judge(page, 'an appealed case at the office');
  await shot(page, 'appealed_1280');
  const other = { form: await tokenOf(three.page), organisation: agency };
  await three.page.goto(base + caseUrl(numbers[0]));
  const revision = await three.page.locator('input[name=revision]').first().inputValue();
  await post(three, `/office/cases/${numbers[0]}`, { ...other, revision, do: 'claim' });
  const done = await post(three, `/office/cases/${numbers[0]}`, { ...other, revision: String(Number(revision) + 1), do: 'grant', reason: 'Sənədlər yoxlanıldı' });
  check((await done.text()).includes('note go'), 'the appeal is not granted');
  await plain.page.goto(`${base}${mine}`);
  check(await plain.page.locator('.tag.go').count() >= 1, 'the person does not see that the appeal was granted');

  // How it was, in their own words; once.
  await plain.page.locator('#mark-2').check();
  await plain.page.fill('#words', 'Uzun çəkdi <script>');
  if (shots) await plain.page.screenshot({ path: `${shots}/rate_320.png`, fullPage: true });
  await submit(plain.page, 'form[action$="/rate"] button');
  check(await plain.page.locator('.note.go[role=status]').count() === 1 && await plain.page.locator('#rate').count() === 0, 'the mark is not taken');
  await plain.context.close();
  await judgePages(base, await one.context.storageState(), [mine], { shots: shots && `${shots}/granted` });
});

await step('several together', async () => {
  const { page } = two;
  await page.goto(`${base}/office/cases?organisation=${agency}&service=looked-at`);
  const stale = await page.locator('.queue tbody input').first().inputValue();
  await post(three, `/office/cases/${numbers[1]}`, { form: await tokenOf(three.page), organisation: agency, revision: '1', do: 'claim' });
  await page.locator('.queue tbody input').nth(0).check();
  await page.locator('.queue tbody input').nth(1).check();
  await page.locator('.queue tbody input').nth(2).check();
  await page.locator('fieldset summary').click();
  await page.selectOption('#suggested', 'p0');
  await submit(page, 'fieldset button[value=grant]');
  const results = await page.locator('h2#results ~ table tbody tr').allInnerTexts();
  check(results.length === 3 && stale.startsWith(numbers[1]), `the results are ${results}`);
  check(await page.locator('h2#results ~ table .tag.bad').count() === 1, 'the one that another has taken is not named');
  check(await page.locator('h2#results ~ table .tag.go').count() === 2, 'the others are not done');
  await judge(page, 'results of several');
  await shot(page, 'bulk_results_1280');
  await page.goto(`${base}/office/cases?organisation=${agency}`);
  await submit(page, 'button[value=claim]');
  check(await page.locator('.note.bad').count() === 1, 'nothing chosen is not said');
  await page.locator('.queue tbody input').nth(2).check();
  await submit(page, 'button[value=claim]');
  check(await page.locator('.tag.go').count() >= 1, 'it is not taken up');
  await page.goto(`${base}/office/cases?organisation=${agency}&whose=mine`);
  check(await page.locator('.queue tbody tr').count() === 1, 'mine are not mine');
  await page.goto(`${base}/office/cases?organisation=${agency}&whose=free`);
  check(await page.locator('.queue tbody tr').count() === 1, `${await page.locator('.queue tbody tr').count()} are free`);
  await page.goto(`${base}/office/cases?organisation=${agency}&late=1`);
  check(await page.locator('.queue').count() === 0, 'something is late that is not');
});

await step('looked up by its number, for a reason', async () => {
  const { page } = two;
  await page.goto(`${base}/office/cases?organisation=${agency}`);
  await page.fill('#number', numbers[0].toLowerCase().replaceAll('-', ' '));
  await page.fill('#why', 'Şikayət gəlib');
  await submit(page, 'form[action="/office/cases/find"] button');
  check((await text(page, '.tags')).includes(numbers[0]) && await page.locator('.act').count() === 0, 'it is not shown to be read only');
  await judge(page, 'a case looked up');
  await page.goto(`${base}/office/cases?organisation=${agency}`);
  await page.fill('#number', 'AAAA-AAAA-AAAA');
  await page.fill('#why', 'Şikayət gəlib');
  await submit(page, 'form[action="/office/cases/find"] button');
  check((await text(page, 'main')).includes('12'), 'a wrong number is not explained');
});

/// How those who applied found it, and where people stop: sums of what this test did before, and nobody's name.
async function whatTheMinistrySees() {
  const { page } = two;
  await post(one, `/my/cases/${numbers[2]}/rate`, { form: await tokenOf(one.page), mark: '5', words: '' });
  await page.reload();
  check((await text(page, '#liked ~ .lede')).includes('3.5'), `the mean of a 2 and a 5: ${await text(page, '#liked ~ .lede')}`);
  const marks = Object.fromEntries(await page.locator('#liked ~ table tbody tr').evaluateAll((rows) => rows.map((r) =>
    [r.querySelector('th').innerText, r.querySelector('td').innerText])));
  check(Object.values(marks).join() === '1,0,0,1,0', `the marks are ${JSON.stringify(marks)}`);
  const said = await page.locator('#liked ~ ul li').allInnerTexts();
  check(said.length === 1 && said[0].includes('Uzun çəkdi <script>') && !said[0].includes(citizen.name), `what was said: ${said}`);
  const rows = await page.locator('#stop ~ table tbody tr').evaluateAll((all) => all.map((r) =>
    [r.querySelector('th').innerText, ...[...r.querySelectorAll('td')].map((d) => d.innerText)]));
  const why = rows.find((r) => r[0].includes('Why do you apply?'));
  check(why && Number(why[1]) === 7 && Number(why[2]) === 6 && why[3].includes('14'), `where people stop: ${JSON.stringify(rows)}`);
  check((await text(page, '#stop ~ .note')).includes('Why do you apply?'), 'the question at which most stop is not named');
  check(!(await text(page, 'main')).includes(citizen.fin) && !(await text(page, 'main')).includes(citizen.name), 'somebody is named');
}

await step('a service file: wrong, right, published by another, suspended', async () => {
  const { page } = two;
  await page.goto(`${base}/office/services?organisation=${agency}`);
  await page.setInputFiles('#file', { name: 'wrong.yaml', mimeType: 'text/yaml', buffer: Buffer.from(setup.file.replace('kind: review', 'kind: reveiw')) });
  await submit(page, 'form[action="/office/services/check"] button');
  check(await page.locator('.finding').count() >= 1 && (await text(page, '.finding')).includes('line '), 'what is wrong is not named with its line');
  await judge(page, 'a wrong service file');
  await shot(page, 'service_wrong_1280');
  await page.fill('#text', setup.file.replace('2 h', '3 h'));
  await submit(page, 'form[action="/office/services/check"] button');
  check(await page.locator('.note.go').count() === 1, 'a right one is refused');
  await judge(page, 'a right service file');
  await submit(page, 'form[action="/office/services/submit"] button');
  check(await page.locator('h2#waits').count() === 1 && await page.locator('form[action="/office/services/publish"]').count() === 0, 'who submitted may publish');
  const own = await post(two, '/office/services/publish', { form: await page.locator('input[name=form]').first().inputValue(), organisation: agency, service: 'looked-at', version: '2' });
  check((await own.text()).includes('note bad'), 'who submitted publishes by a form of their own');
  await one.page.goto(`${base}/office/services?organisation=${agency}`);
  await judge(one.page, 'a version that waits');
  await submit(one.page, 'form[action="/office/services/publish"] button');
  check(await one.page.locator('.note.go').count() === 1, `another can not publish: ${await text(one.page, 'main')}`);
  await page.goto(`${base}/office/services/looked-at?organisation=${agency}`);
  check((await text(page, 'main')).includes('6') && await page.locator('.chart rect').count() >= 2, 'there are no figures');
  await whatTheMinistrySees();
  await page.locator('h2#suspend ~ details summary').click();
  await page.fill('#az', 'Texniki iş');
  await submit(page, 'form[action="/office/services/suspend"] button');
  check(await page.locator('.note.wait').count() >= 1, 'it is not suspended');
  const shown = await (await fetch(`${base}/services/looked-at`)).text();
  check(shown.includes('Texniki iş'), 'who wants to apply is not told why');
  await judge(page, 'a suspended service');
  await submit(page, 'form[action="/office/services/resume"] button');
  check(await page.locator('h2#suspend').count() === 1, 'it is not open again');
});

let list = '';
await step('an employer’s list', async () => {
  const { page } = one;
  await page.goto(`${base}/office/permits?organisation=${employer}`);
  await shot(page, 'employer_empty_1280');
  await page.setInputFiles('input[type=file]', { name: 'bad.csv', mimeType: 'text/csv', buffer: Buffer.from('name,age\nx,1\n') });
  await submit(page, 'form[action="/office/permits/upload"] button');
  check(await page.locator('.note.bad').count() === 1, 'a list without the right columns is taken');
  await page.setInputFiles('input[type=file]', { name: 'işçilər.csv', mimeType: 'text/csv', buffer: Buffer.from(`\ufeff${setup.csv}`) });
  await submit(page, 'form[action="/office/permits/upload"] button');
  list = at(page);
  check(/^\/office\/permits\/\d+$/.test(list), `it leads to ${page.url()}`);
  const figures = await page.locator('.figs dd').allInnerTexts();
  check(figures.join() === `${setup.good + 6},${setup.good + 1},5`, `the figures are ${figures}`);
  const faults = await page.locator('h2#faults ~ table tbody tr').allInnerTexts();
  check(faults.length === 5, `the faults are ${faults}`);
  const told = faults.join(' ').toLowerCase();
  check(!told.includes('quarantin') && !told.includes('stay at home'), 'the employer learns who is ill');
  check([62, 63, 64, 65].every((line) => faults.some((f) => f.includes(String(line)))), `lines are missing: ${faults}`);
  await judge(page, 'a list that was checked');
  await shot(page, 'employer_checked_1280');
  const form = await page.evaluate(() => new URLSearchParams(new FormData(document.querySelector('form[action$="/submit"]'))).toString());
  const taps = await Promise.all([0, 1].map(() => one.context.request.post(`${base}/office/permits/submit`, { data: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } })));
  check(taps.every((t) => t.status() === 200), `two taps answer ${taps.map((t) => t.status())}`);
  for (let i = 0; i < 100; i += 1) {
    await page.goto(`${base}${list}?organisation=${employer}`);
    if (await page.locator('h2#progress').count() === 0) break;
    if (i === 0) await judge(page, 'a list being sent');
    await page.waitForTimeout(200);
  }
  check((await page.locator('.figs dd').allInnerTexts()).slice(0, 3).join() === `${setup.good + 6},${setup.good},0`, `after sending the figures are ${await page.locator('.figs dd').allInnerTexts()}`);
  const again = (await page.locator('h2#faults ~ table').innerText()).toLowerCase();
  check(!again.includes('quarantin') && !again.includes('stay at home'), 'the employer learns who is ill after sending');
  const csv = await (await one.context.request.get(`${base}${list}/csv?organisation=${employer}`)).text();
  check(csv.split('\n').length === setup.good + 2 && csv.includes('DP1.'), 'the download is not all permits');
  await page.goto(`${base}${list}/print?organisation=${employer}`);
  check(await page.locator('.paper svg').count() === 3, 'the sheet has no codes');
});

await step('the regime changes, and one button renews', async () => {
  const { page } = one;
  await page.goto(`${base}${list}?organisation=${employer}`);
  await submit(page, 'form[action="/office/permits/end"] button');
  check(await page.locator('.note.go').count() === 1, 'who left keeps the permit');
  check(await ask('amend') === 'amended', 'the regime is not amended');
  for (let i = 0; i < 50; i += 1) {
    await page.goto(`${base}/office/permits?organisation=${employer}`);
    if (await page.locator('form[action="/office/permits/renew"]').count() > 0 && (await text(page, '.note.wait button')).includes(String(setup.good - 1))) break;
    await page.waitForTimeout(200);
  }
  check((await text(page, '.note.wait button')).includes(String(setup.good - 1)), `the button says ${await text(page, '.note.wait button')}`);
  await judge(page, 'permits that have ended');
  await shot(page, 'employer_ended_1280');
  const form = await page.evaluate(() => new URLSearchParams(new FormData(document.querySelector('form[action$="/renew"]'))).toString());
  await submit(page, 'form[action="/office/permits/renew"] button');
  check(await page.locator('.note.go').count() === 1, `it is not renewed: ${await text(page, 'main')}`);
  const twice = await one.context.request.post(`${base}/office/permits/renew`, { data: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  check(twice.status() === 200 && !(await twice.text()).includes('note bad'), 'the same tap again is an error');
  for (let i = 0; i < 50; i += 1) {
    await page.goto(`${base}/office/permits?organisation=${employer}`);
    if ((await text(page, '.grid .card')).includes(`${setup.good - 1} permits valid`)) break;
    await page.waitForTimeout(200);
  }
  check((await text(page, '.grid .card')).includes(`${setup.good - 1} permits valid`), `after renewing: ${await text(page, '.grid .card')}`);
  check(await page.locator('form[action="/office/permits/renew"]').count() === 0, 'it asks to renew what was renewed');
});

await step('another organisation is refused everywhere', async () => {
  check(setup.routes.length >= 20, `there are ${setup.routes.length} routes`);
  const form = await tokenOf(two.page);
  for (const [method, pattern] of setup.routes) {
    const path = pattern.replace('{number}', numbers[5]).replace('{list}', list.split('/').pop()).replace('{service}', 'looked-at').replace('{file}', '1');
    const fields = { form, number: numbers[5], reason: 'because', service: 'employee-permit', version: '1', list: list.split('/').pop(), fresh: '77', line: '3', case: `${numbers[5]}:1`, do: 'claim', revision: '1', az: 'x', text: setup.file };
    for (const organisation of ['azercell', 'tabib']) {
      const answer = method === 'GET' ? await two.context.request.get(`${base}${path}?organisation=${organisation}&service=employee-permit`, { maxRedirects: 0 })
        : await post(two, path, { ...fields, organisation });
      const body = await answer.text();
      // Its own empty pages are for whoever is of that body; nobody else's things are on them.
      const name = `${method} ${pattern} as ${organisation}`;
      if (organisation === 'azercell') check(answer.status() === 403, `${name}: ${answer.status()}`);
      else check(answer.status() >= 400 || !body.includes(`/office/cases/${numbers[5]}?`) || body.includes('tag bad'), `${name}: ${answer.status()}`);
      check(!body.includes('səbəb'), `${name}: an answer is shown`);
    }
  }
  const firm = await tokenOf(one.page);
  for (const path of ['/office/cases', '/office/services', `/office/cases/${numbers[5]}`]) {
    const answer = await one.context.request.get(`${base}${path}?organisation=${employer}`, { maxRedirects: 0 });
    check(answer.status() === 403, `a firm sees ${path}: ${answer.status()}`);
  }
  const forged = await post(one, '/office/permits/submit', { form: `${firm}x`, organisation: employer, list: '1' });
  check(forged.status() === 403, 'a form without the session’s token is taken');
  await two.page.goto(base + caseUrl(numbers[5]));
  check(await two.page.locator('h1').count() === 1 && !(await text(two.page, 'main')).includes('tabib'), 'the case was changed');
});

await step('judged', async () => {
  await one.page.goto(`${base}/office/permits?organisation=${employer}`);
  const fresh = new URL(await one.page.locator('.grid .card a').first().getAttribute('href'), base).pathname;
  await judgePages(base, await two.context.storageState(), [`/office?organisation=${agency}`, `/office/cases?organisation=${agency}`,
    `/office/cases?organisation=${agency}&service=looked-at`, caseUrl(numbers[5]), `/office/services?organisation=${agency}`,
    `/office/services/looked-at?organisation=${agency}`], { shots });
  await judgePages(base, await one.context.storageState(), [`/office/permits?organisation=${employer}`, `${list}?organisation=${employer}`,
    `${list}?organisation=${employer}&show=ended`, `${fresh}?organisation=${employer}`,
    `${fresh}/print?organisation=${employer}`], { shots });
});

await finish();
