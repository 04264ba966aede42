// Appointments: node tests/services_pages/booking.mjs BASE '[{"fin":...,"code":...}, {...}]' FOLDER
//
// A citizen chooses a time, changes it, gives it up and comes; an official's own is missed; the two want the same time;
// the office marks who came. FOLDER takes the calendar files and pictures. The calendar of the test is open day and night,
// one person at a time (tests/booking_pages_test.py).
import fs from 'node:fs';
import { at, check, enrol, addAuthenticator, finish, judge, judgePages, languages, newBrowser, step, submit } from '../pages/chromium.mjs';

const base = process.argv[2].replace(/\/$/, '');
const [citizen, official] = JSON.parse(process.argv[3]);
const folder = process.argv[4];

const one = await newBrowser(base);
await addAuthenticator(one.page);
const two = await newBrowser(base);
await addAuthenticator(two.page);
const text = (page, selector) => page.locator(selector).first().innerText();
const office = `${base}/office/calendar?organisation=digital-agency&calendar=service-centre-1`;
const next = '.ask form .go button';

/// Applies for an appointment; the path of the case.
async function apply(page) {
  await page.goto(`${base}/services/service-centre-appointment/apply`);
  for (let i = 0; i < 8 && !at(page).endsWith('/check'); i += 1) {
    const options = page.locator('.options label');
    if (await options.count() > 0) await options.first().click();
    else await page.fill('#answer', '050 123 45 67');
    await submit(page, next);
  }
  await submit(page, 'form[action$="/send"] button');
  return at(page);
}
const number = (path) => path.split('/').pop();
const bad = (page) => page.locator('.note.bad').count();

let first;
let second;

await step('a day and a time', async () => {
  await enrol(base, citizen, one.page);
  first = await apply(one.page);
  await submit(one.page, '#book ~ p a');
  check(at(one.page) === `${first}/appointment`, 'the application does not lead to the days');
  check(await one.page.locator('.days a').count() === 31, `${await one.page.locator('.days a').count()} days`);
  await judge(one.page, 'choosing a day');
  await submit(one.page, '.days li:nth-child(2) a');
  check(await one.page.locator('.times button').count() === 720, 'not every slot of a day is offered');
  await judge(one.page, 'choosing a time');
  const clock = await text(one.page, '.times button:nth-child(7)');
  await submit(one.page, '.times button:nth-child(7)');
  check((await text(one.page, '.when')).endsWith(clock), 'another time was taken');
  check(await one.page.locator('.note.go').count() === 1, 'it is not said that it was taken');
  await judge(one.page, 'a chosen time');
});

async function download(page, name) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a[href*=".ics"]').first().click()]);
  await file.saveAs(`${folder}/${name}.ics`);
  return fs.readFileSync(`${folder}/${name}.ics`, 'utf8');
}

await step('for the calendar program', async () => {
  const file = await download(one.page, 'first');
  check(file.includes('BEGIN:VEVENT') && file.includes('SEQUENCE:0'), 'not a calendar file');
  const foreign = await two.page.goto(`${base}${first}/appointment.ics`);
  check(!(await foreign.text()).includes('VEVENT'), 'whoever is not signed in gets it');
});

await step('changed, given up, chosen again', async () => {
  await submit(one.page, 'a[href$="?change=1"]');
  await submit(one.page, '.days li:nth-child(3) a');
  const clock = await text(one.page, '.times button:nth-child(9)');
  await submit(one.page, '.times button:nth-child(9)');
  check((await text(one.page, '.when')).endsWith(clock), 'it was not changed');
  const file = await download(one.page, 'changed');
  check(file.includes('SEQUENCE:2'), 'a changed time has the same sequence');
  await one.page.locator('summary').first().click();
  await submit(one.page, 'form[action$="/cancel"] button');
  check(await one.page.locator('.when').count() === 0 && await one.page.locator('.days a').count() === 31, 'it was not given up');
  check(await one.page.locator('.note.go').count() === 1, 'it is not said that it was given up');
});

await step('two who want the same', async () => {
  await enrol(base, official, two.page);
  second = await apply(two.page);
  await one.page.goto(`${base}${first}/appointment`);
  await submit(one.page, '.days li:nth-child(2) a');
  await two.page.goto(`${base}${second}/appointment`);
  await submit(two.page, '.days li:nth-child(2) a');
  const wanted = '.times button:nth-child(20)';
  const same = await text(one.page, wanted);
  check(await text(two.page, wanted) === same, 'they are not offered the same');
  await Promise.all([submit(one.page, wanted), submit(two.page, wanted)]);
  const taken = (await bad(one.page)) + (await bad(two.page));
  const have = (await one.page.locator('.when').count()) + (await two.page.locator('.when').count());
  check(taken === 1 && have === 1, `${have} have it, ${taken} are told that it is taken`);
  const slow = (await bad(one.page)) ? one.page : two.page;
  check(!(await slow.locator('.times button').allInnerTexts()).includes(same), 'it is offered again');
  await judge(slow, 'a taken time');
});

await step('what is no time', async () => {
  await one.page.goto(`${base}${first}/appointment?change=1&day=1999-01-01`);
  check(await one.page.locator('.times button').count() === 0, 'times of another century');
  const token = await one.page.locator('input[name=form]').first().inputValue();
  const send = (form) => one.page.evaluate(async ([url, body]) => {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(body) });
    return `${answer.status} ${answer.url}`;
  }, [`${base}${first}/appointment`, form]);
  for (const wrong of ['', 'now', '2026-13-01T00:00:00Z', '1999-01-01T00:00:00Z', '9999-01-01T00:00:30Z']) {
    check((await send({ form: token, at: wrong })).includes('note=slot'), `"${wrong}" is taken for a time`);
  }
  check((await send({ form: 'x', at: '' })).startsWith('403'), 'a form of nobody is taken');
  const foreign = await one.page.goto(`${base}${second}/appointment`);
  check(foreign.status() === 404, `somebody else's appointment answers ${foreign.status()}`);
});

/// Chooses the next minute of today, or the first after `skip` of them.
async function chooseToday(page, path, skip = 0) {
  await page.goto(`${base}${path}/appointment?change=1`);
  await submit(page, '.days li:first-child a');
  const value = await page.locator('.times button').nth(skip).getAttribute('value');
  await submit(page, `.times button[value="${value}"]`);
  return new Date(value);
}

await step('at the door', async () => {
  await one.page.goto(office);
  check(await one.page.locator('.desk-day').count() === 0, 'a citizen sees the office\'s day');
  await chooseToday(one.page, first, 2);
  const missed = await chooseToday(two.page, second);
  const appointment = await two.page.context().storageState();
  await two.page.goto(office);
  await judge(two.page, 'the office\'s day');
  await two.page.screenshot({ path: `${folder}/office_calendar_1280.png`, fullPage: true });
  check((await text(two.page, 'table')).includes(number(first)), 'the application is not in the list');
  check(!(await text(two.page, 'main')).includes(citizen.name.split(' ')[0]), 'the list names people');
  await two.page.fill('#number', 'K7M2-9QXF-3DR5');
  await submit(two.page, 'fieldset button[name=came]');
  check(await bad(two.page) === 1, 'an unknown number came');
  await two.page.fill('#number', number(second));
  await submit(two.page, 'fieldset button[name=missed]');
  check(await bad(two.page) === 1, 'somebody was missed before the time');
  await two.page.fill('#number', number(first).toLowerCase().replaceAll('-', ' '));
  await submit(two.page, 'fieldset button[name=came]');
  check(await bad(two.page) === 0 && (await text(two.page, '[role=status]')).includes(number(first)), 'who came is not marked');
  check(await two.page.locator(`button[name=came][value="${number(first)}"]`).count() === 0, 'who came may come again');
  await one.page.goto(`${base}${first}/appointment`);
  check(at(one.page) === first, 'the application still waits');
  check(/came|Came/.test(await text(one.page, '.history')), 'the history does not say so');
  await judgePages(base, appointment, ['/office/calendar?organisation=digital-agency&calendar=service-centre-1', `${second}/appointment`,
    `${second}/appointment?change=1`], { shots: folder });
  const left = missed.getTime() + 1_000 - Date.now();
  if (left > 0) await new Promise((done) => { setTimeout(done, left); });
  await two.page.goto(office);
  await submit(two.page, `button[name=missed][value="${number(second)}"]`);
  check(await bad(two.page) === 0, 'who is missed is not marked');
  await two.page.goto(`${base}${second}/appointment`);
  check(await two.page.locator('.note.wait').count() === 1 && await two.page.locator('.days a').count() > 0, 'whoever missed it may not choose again');
});

await step('withdrawn', async () => {
  await two.page.locator('.days a').nth(4).click();
  await submit(two.page, '.times button:nth-child(3)');
  check(await two.page.locator('.when').count() === 1, 'whoever missed it has no new time');
  await two.page.goto(`${base}${second}`);
  await two.page.locator('#withdraw + details summary').click();
  await submit(two.page, 'form[action$="/withdraw"] button');
});

// More ask for a form at once than are let in. What those see who wait is kept, and looked at without coming back by itself.
await step('the waiting page', async () => {
  const kept = (await one.page.context().cookies()).filter((c) => !c.name.includes('place'));
  const cookie = kept.map((c) => `${c.name}=${c.value}`).join('; ');
  const waiting = {};
  for (let i = 0; i < 60 && languages.some((language) => !waiting[language]); i += 1) {
    await Promise.all(Array.from({ length: 240 }, async (_, n) => {
      const language = languages[n % 3];
      const answer = await fetch(`${base}/services/leaving-home/apply?lang=${language}`,
        { headers: { cookie, accept: 'text/html' }, redirect: 'manual' });
      const html = await answer.text();
      if (answer.status === 503 && answer.headers.get('refresh')) waiting[language] = { answer, html };
    }));
  }
  for (const language of languages) {
    check(waiting[language], `nobody had to wait in ${language}`);
    if (!waiting[language]) continue;
    const { answer, html } = waiting[language];
    check(/^\d+; url=\/services\/leaving-home\/apply\?lang=/.test(answer.headers.get('refresh')), 'it does not come back');
    check(/place=/.test(answer.headers.get('set-cookie')), 'whoever waits has no place');
    check(html.length < 50_000 && !/@ahead@|@wait@/.test(html), `the waiting page in ${language} is not whole`);
    for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark']]) {
      const { context, page } = await newBrowser(base, { viewport: { width, height: 900 }, colorScheme });
      await page.route('**/apply?*', (route) => route.fulfill({ status: 503, contentType: 'text/html; charset=utf-8', body: html }));
      await page.goto(`${base}/services/leaving-home/apply?lang=${language}`);
      check(await page.getAttribute('html', 'lang') === language, `the waiting page speaks no ${language}`);
      check(await page.locator('.facts dd').count() === 2, 'how many are before and how long it takes is not said');
      await judge(page, `waiting ${language} ${width} ${colorScheme}`);
      await context.close();
    }
  }
});

await finish();
