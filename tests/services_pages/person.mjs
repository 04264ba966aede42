// The person's pages of e-services: node tests/services_pages/person.mjs BASE '[{"fin":...,"code":...}, {...}]' [FOLDER]
//
// A citizen finds services, applies one question a page, stops and goes on with another device, goes back, sends twice,
// pays, shows and prints a permit, appeals and withdraws; an official fills in with somebody at a counter. Every page is
// judged as in tests/pages. Pictures go to FOLDER. The last line says how many checks passed.
import { at, check, enrol, addAuthenticator, finish, judge, judgePages, newBrowser, step, submit, totp } from '../pages/chromium.mjs';

const base = process.argv[2].replace(/\/$/, '');
const [citizen, official] = JSON.parse(process.argv[3]);
const shots = process.argv[4];

const one = await newBrowser(base);
await addAuthenticator(one.page);
const two = await newBrowser(base);
await addAuthenticator(two.page);
const text = (page, selector) => page.locator(selector).first().innerText();
const shot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }); };

await step('without signing in', async () => {
  await one.page.goto(`${base}/`);
  check(await one.page.locator('main a[href="/services"]').count() === 1, 'the home page does not lead to services');
  await submit(one.page, 'header nav a[href="/services"]');
  check(await one.page.locator('.service').count() === 6, `there are ${await one.page.locator('.service').count()} services`);
  await one.page.fill('#q', 'EVDƏN çıxmaq');
  await submit(one.page, '.find button');
  check(await one.page.locator('.service').count() === 1, 'a search by Azerbaijani letters finds nothing');
  await one.page.fill('#q', 'evden cix');
  await submit(one.page, '.find button');
  check(await one.page.locator('.service').count() === 1, 'a search without diacritics finds nothing');
  await one.page.fill('#q', 'zzzz<b>');
  await submit(one.page, '.find button');
  check(await one.page.locator('.note').count() === 1 && (await text(one.page, '.note')).includes('zzzz<b>'), 'what is not found is not said');
  const page = await fetch(`${base}/services`, { headers: { 'accept-language': 'en' } });
  check(!/no-store/.test(page.headers.get('cache-control')), 'the list of services may not be kept');
  const again = await fetch(`${base}/services`, { headers: { 'accept-language': 'en', 'if-none-match': page.headers.get('etag') ?? '' } });
  check(again.status === 304, `the list, unchanged, answers ${again.status}`);
  await one.page.goto(`${base}/services/leaving-home`);
  await submit(one.page, '.start a');
  check(at(one.page) === '/sign-in', `applying without a session leads to ${one.page.url()}`);
  const unknown = await one.page.goto(`${base}/services/nothing-like-it`);
  check(unknown.status() === 404 && await one.page.locator('h1').count() === 1, 'an unknown service is no page that says so');
});

await enrol(base, citizen, one.page);
await enrol(base, official, two.page);

const next = '.ask form .go button';
await step('leaving home', async () => {
  await one.page.goto(`${base}/services/leaving-home`);
  check(await one.page.locator('.note.go').count() === 1, 'it is not said that one may apply');
  await submit(one.page, '.start a');
  check(at(one.page) === '/services/leaving-home/apply/reason', `the first question is ${one.page.url()}`);
  await submit(one.page, next);
  check(await one.page.locator('[role=alert]').count() === 1, 'an answer that is missing is not said');
  check(await one.page.locator('fieldset[aria-describedby*=answer-wrong]').count() === 1, 'the error is not tied to the question');
  await judge(one.page, 'a question with an error');
  await shot(one.page, 'question_wrong_1280');
  await one.page.locator('[role=alert] a').click();
  check(await one.page.evaluate(() => document.activeElement.id) === 'answer', 'the error does not lead to the answer');
  await one.page.locator('.options label').first().click();
  await submit(one.page, next);
  for (let i = 0; i < 6 && !at(one.page).endsWith('/check'); i += 1) {
    const options = one.page.locator('.options label');
    if (await options.count() > 0) await options.first().click();
    else if (await one.page.locator('input#answer').count() > 0) await one.page.fill('input#answer', 'Bakı');
    await submit(one.page, next);
  }
  check(at(one.page) === '/services/leaving-home/check', `after the questions comes ${one.page.url()}`);
  await shot(one.page, 'check_1280');
});

let receipt = '';
await step('sending twice, and the way back', async () => {
  const form = await one.page.evaluate(() => new URLSearchParams(new FormData(document.querySelector('form[action$="/send"]'))).toString());
  const taps = await Promise.all([0, 1, 2].map(() => one.context.request.post(`${base}/services/leaving-home/send`, {
    data: form, headers: { 'content-type': 'application/x-www-form-urlencoded' }, maxRedirects: 0 })));
  check(taps.every((t) => t.status() === 303), `three taps at once answer ${taps.map((t) => t.status())}`);
  const places = new Set(taps.map((t) => t.headers().location));
  check(places.size === 1, `three taps lead to ${[...places]}`);
  await submit(one.page, 'form[action$="/send"] button');
  receipt = one.page.url();
  check(receipt.endsWith([...places][0]), 'the fourth tap has another receipt');
  check(await one.page.locator('.receipt .number').count() === 1, 'there is no receipt');
  await shot(one.page, 'receipt_1280');
  await one.page.goBack();
  check(at(one.page) === '/my/cases', `going back after sending leads to ${one.page.url()}`);
  check(await one.page.locator('.cards .card').count() === 1, `there are ${await one.page.locator('.cards .card').count()} applications`);
});

/// When a limit by days ends, as pages say it: the next midnight of the country.
function tomorrow(language) {
  const locale = { az: 'az', en: 'en-GB', ru: 'ru' }[language];
  return new Intl.DateTimeFormat(locale, { timeZone: 'Asia/Baku', day: 'numeric', month: 'long' }).format(Date.now() + 864e5);
}

await step('a second one on the same day', async () => {
  await one.page.goto(`${base}/services/leaving-home/apply`);
  check(at(one.page) === '/services/leaving-home', `what would be refused is begun: ${one.page.url()}`);
  const said = { az: 'Yenidən', en: 'again from', ru: 'Снова' };
  for (const [language, words] of Object.entries(said)) {
    await one.page.goto(`${base}/services/leaving-home?lang=${language}`);
    const note = await text(one.page, '.note.wait');
    check(note.includes(words) && note.includes(tomorrow(language)) && note.includes('00:00'), `${language}: when again is not said: ${note}, ${tomorrow(language)}`);
    check(await one.page.locator('.start').count() === 0, `${language}: it can be begun`);
  }
  await judgePages(base, await one.context.storageState(), ['/services/leaving-home'], { shots: shots && `${shots}/again` });
  await one.page.goto(`${base}/services/leaving-home/apply/reason?lang=en`);  // as one who had begun before
  for (let i = 0; i < 6 && !at(one.page).endsWith('/check'); i += 1) {
    await one.page.locator('.options label').first().click();
    await submit(one.page, next);
  }
  await submit(one.page, 'form[action$="/send"] button');
  check((await text(one.page, '[role=alert]')).includes(tomorrow('en')), `when again is not said: ${await text(one.page, '[role=alert]')}`);
  check(at(one.page) === '/services/leaving-home/send' && await one.page.locator('[role=alert]').count() === 1, 'a second one on a day is not refused in words');
  await judge(one.page, 'a refusal on the page that sends');
  await submit(one.page, '.quiet button');
  check(at(one.page) === '/my/cases' && await one.page.locator('.note.go').count() === 1, 'the draft is not deleted');
});

await step('every kind of question, on two devices', async () => {
  const answer = async (page, fill) => { await fill(page); await submit(page, next); };
  await one.page.goto(`${base}/services/everything/apply`);
  check(at(one.page) === '/services/everything/apply/where', `what is known is asked: ${one.page.url()}`);
  await answer(one.page, (p) => p.fill('#answer', 'qqqq'));
  check(await one.page.locator('[role=alert]').count() === 1, 'an unknown place is not refused');
  await answer(one.page, (p) => p.fill('#answer', 'qara'));
  check(await one.page.locator('.options input').count() > 1, 'places that fit are not offered');
  await judge(one.page, 'places to choose from');
  await shot(one.page, 'places_1280');
  await answer(one.page, (p) => p.locator('.options label').first().click());
  await answer(one.page, (p) => p.fill('#answer', 'O'));
  check((await text(one.page, '.wrong-words')).includes('7'), 'a short national id is not explained');
  check(await one.page.locator('#answer').getAttribute('aria-invalid') === 'true', 'the field is not marked invalid');
  await shot(one.page, 'input_wrong_1280');
  await answer(one.page, (p) => p.fill('#answer', official.fin));
  check(at(one.page).endsWith('/day'), `after a national id comes ${one.page.url()}`);

  // Another device: no cookie of this one's draft, only the person.
  const state = await one.context.storageState();
  const other = await newBrowser(base, { storageState: state, viewport: { width: 320, height: 700 } });
  await other.page.goto(`${base}/my/cases`);
  check((await text(other.page, '.card.row h3')).length > 3, 'the draft is not found again');
  await submit(other.page, '.card.row a.btn');
  check(at(other.page) === '/services/everything/apply/day', `another device goes on at ${other.page.url()}`);
  await answer(other.page, (p) => p.fill('#answer', '2001-01-01'));
  check(await other.page.locator('.wrong-words').count() === 1, 'a day in the past is taken');
  await answer(other.page, (p) => p.fill('#answer', new Date(Date.now() + 3 * 864e5).toISOString().slice(0, 10)));
  await answer(other.page, (p) => p.fill('#answer', '99'));
  check((await text(other.page, '.wrong-words')).includes('8'), 'a number out of range is not explained');
  await answer(other.page, (p) => p.fill('#answer', '2'));
  await answer(other.page, (p) => p.locator('.options label').nth(0).click());
  check(at(other.page).endsWith('/which'), 'a question that a yes brings is not asked');
  await other.page.locator('.back a').click();
  check(at(other.page).endsWith('/animals') && await other.page.locator('input[value=yes]').isChecked(), 'the way back has lost the answer');
  await answer(other.page, (p) => p.locator('.options label').nth(1).click());
  check(at(other.page).endsWith('/needs'), 'a question that a no takes away is asked');
  await answer(other.page, async (p) => { await p.locator('.options label').nth(0).click(); await p.locator('.options label').nth(1).click(); });
  await answer(other.page, (p) => p.fill('#answer', '12'));
  check(await other.page.locator('.wrong-words').count() === 1, 'a short telephone number is taken');
  await answer(other.page, (p) => p.fill('#answer', '050 123 45 67'));
  await answer(other.page, () => {});
  check(at(other.page) === '/services/everything/check', `the end is ${other.page.url()}`);
  const rows = await other.page.locator('.answers').first().innerText();
  check(rows.includes('+994501234567') && rows.includes('A lift, Help'), `the answers are ${rows}`);
  check((await other.page.locator('.answers').nth(1).innerText()).includes(citizen.name), 'what is known is not shown');
  await other.page.locator('a[href$="/apply/seats?change=1"]').click();
  check(at(other.page).endsWith('/seats'), 'an answer can not be changed');
  check((await other.page.locator('.back a').getAttribute('href')).endsWith('/check'), 'the way back from a change is another');
  await answer(other.page, (p) => p.fill('#answer', '3'));
  check(at(other.page).endsWith('/check'), 'a change does not lead back');
  await judge(other.page, 'checking answers at 320 pixels');
  await shot(other.page, 'check_320');
  await submit(other.page, 'form[action$="/send"] button');
  check(await other.page.locator('#pay').count() === 1, 'the fee is not asked');
  await judge(other.page, 'a receipt with a fee');
  await shot(other.page, 'receipt_320');
  await submit(other.page, 'form[action$="/pay"] button');
  check(await other.page.locator('.note.go').count() === 1, 'the payment is not confirmed');
  await judge(other.page, 'a granted application');
  await shot(other.page, 'granted_320');
  await other.page.locator('#mark-4').check();
  await other.page.fill('#words', 'Sürətli oldu');
  await submit(other.page, 'form[action$="/rate"] button');
  check(await other.page.locator('.note.go').count() === 1 && await other.page.locator('#rate').count() === 0, 'the mark is not taken');
  await other.context.close();
});

await step('permits', async () => {
  await one.page.goto(`${base}/my/permits`);
  check(await one.page.locator('.cards .card').count() === 2, `there are ${await one.page.locator('.cards .card').count()} permits`);
  await submit(one.page, '.cards .card a');
  check(await one.page.locator('.qr svg').count() === 1, 'the permit has no code');
  check((await text(one.page, '.code')).startsWith('DP1.'), 'the permit has no text');
  check((await text(one.page, '.fin')) === citizen.fin, 'the permit does not say whose it is');
  await one.page.emulateMedia({ media: 'print' });
  check(await one.page.locator('.qr svg').isVisible(), 'the code is not printed');
  check(await one.page.locator('.top').isHidden() && await one.page.locator('.mine').isHidden(), 'menus are printed');
  const pdf = await one.page.pdf({ format: 'A4' });
  check((pdf.toString('latin1').match(/\/Type\s*\/Page\b/g) ?? []).length === 1, 'a permit needs more than one sheet');
  await shot(one.page, 'permit_print');
  await one.page.emulateMedia({ media: 'screen' });
});

await step('withdrawn, unknown, somebody else’s', async () => {
  await one.page.goto(`${base}/services/service-centre-appointment/apply`);
  for (let i = 0; i < 8 && !at(one.page).endsWith('/check'); i += 1) {
    const options = one.page.locator('.options label');
    if (await options.count() > 0) await options.first().click();
    else await one.page.fill('#answer', '050 123 45 67');
    await submit(one.page, next);
  }
  await submit(one.page, 'form[action$="/send"] button');
  const mine = at(one.page);
  await shot(one.page, 'appointment_due_1280');
  const seen = await two.page.goto(`${base}${mine}`);
  check(seen.status() === 404, `somebody else’s application answers ${seen.status()}`);
  await one.page.locator('#withdraw + details summary').click();
  await submit(one.page, 'form[action$="/withdraw"] button');
  check(await one.page.locator('.note.go').count() === 1, 'it is not withdrawn');
  await one.page.goBack();
  await one.page.goto(`${base}${mine}`);
  check(await one.page.locator('form[action$="/withdraw"]').count() === 0, 'it can be withdrawn twice');
});

await step('at a counter', async () => {
  await two.page.goto(`${base}/office/assist?organisation=digital-agency`);
  await two.page.fill('#national_id', 'AAAAAAA');
  await two.page.fill('#reason', 'at the counter');
  await submit(two.page, 'form[action="/office/assist"] button');
  check(await two.page.locator('[role=alert]').count() === 1, 'an unknown person is not refused in words');
  await two.page.fill('#national_id', citizen.fin);
  await submit(two.page, 'form[action="/office/assist"] button');
  check((await text(two.page, 'h1')).includes(citizen.name), 'not the person');
  const home = at(two.page);
  await judge(two.page, 'a person at a counter');
  await shot(two.page, 'assist_person_1280');
  await submit(two.page, `a[href="${home}/service-centre-appointment/apply"]`);
  check((await text(two.page, '.assist')).includes(citizen.name), 'it is not said for whom');
  await shot(two.page, 'assist_question_1280');
  for (let i = 0; i < 8 && !at(two.page).endsWith('/check'); i += 1) {
    const options = two.page.locator('.options label');
    if (await options.count() > 0) await options.first().click();
    else await two.page.fill('#answer', '050 123 45 67');
    await submit(two.page, next);
  }
  await judge(two.page, 'checking answers at a counter');
  await submit(two.page, 'form[action$="/send"] button');
  check(at(two.page) === home && await two.page.locator('.receipt .number').count() === 1, `no receipt at the counter: ${two.page.url()}`);
  const number = await text(two.page, '.receipt .number');
  await shot(two.page, 'assist_receipt_1280');
  const foreign = await one.page.goto(`${base}${home}`);
  check(foreign.status() === 404 || at(one.page) === '/sign-in', `a citizen opens an official’s page: ${foreign.status()}`);
  await one.page.goto(`${base}/my/cases/${number}`);
  check((await text(one.page, '.history')).length > 5 && await one.page.locator('.history li').first().innerText() !== '', 'the person does not see it');
  check(!(await text(one.page, '.history li')).endsWith('you'), 'the history does not say that an official sent it');
  await one.page.goto(`${base}/my/access`);
  check((await text(one.page, 'main')).includes('at the counter'), 'the reading is not on record for the person');
});

/// Signs in with the app for codes alone: one thing that is held, assurance low.
async function signInByApp(page, then, code) {
  await page.goto(`${base}/sign-in?then=${then}`);
  await page.fill('#national_id', citizen.fin);
  await submit(page, 'form[action="/sign-in/identify"] button');
  const choice = page.locator('form[action="/sign-in/choose"]:has(input[value=totp]) button');
  if (await choice.count() === 1) await submit(page, 'form[action="/sign-in/choose"]:has(input[value=totp]) button');
  await page.fill('#code', code);
  await submit(page, 'form[action="/sign-in/code"] button');
  check(at(page) === then, `an app's code leads to ${page.url()}`);
}

await step('a service that asks for a surer sign-in', async () => {
  const { page } = one;
  await page.goto(`${base}/my/authenticators/totp`);
  const secret = await text(page, '.secret');
  // Codes pass once each, from one step before now to one behind: three in a row need most of a step.
  const left = 30_000 - (Date.now() % 30_000);
  if (left < 15_000) await page.waitForTimeout(left + 500);
  await page.fill('#code', totp(secret, -1));
  await submit(page, 'main .slim form button');
  check(at(page) === '/my/authenticators', `the app for codes is not there: ${page.url()}`);
  await page.goto(`${base}/my`);
  await submit(page, 'form[action="/sign-out"] button');

  await signInByApp(page, '/services/sure', totp(secret));
  check((await text(page, '.start')).includes('Substantial'), 'what sign-in it asks for is not said');
  await submit(page, '.start a');
  check(at(page) === '/sign-in' && page.url().includes('level=substantial'), `a sign-in that is not sure enough leads to ${page.url()}`);
  check(await page.locator('.note[role=status]').count() === 1, 'why one signs in once more is not said');
  await judge(page, 'signing in surer', { scripts: 1 });
  await shot(page, 'surer_1280');
  const weaker = await one.context.request.get(`${base}/services/sure/apply/place`, { maxRedirects: 0 });
  check(weaker.status() === 303 && weaker.headers().location.startsWith('/sign-in'), `the question without it: ${weaker.status()}`);
  await submit(page, 'form[data-passkey] button');
  check(at(page) === '/services/sure/apply/place', `after signing in surer one is at ${page.url()}`);
  await judge(page, 'a question behind a surer sign-in');

  // Without scripts there are no passkeys: another browser, in which one is signed in surely, confirms.
  const plain = await newBrowser(base, { javaScriptEnabled: false, viewport: { width: 320, height: 700 } });
  await signInByApp(plain.page, '/services/sure', totp(secret, 1));
  await submit(plain.page, '.start a');
  check(at(plain.page) === '/sign-in' && await plain.page.locator('form[data-passkey]').isHidden(), 'without scripts a passkey is offered');
  await shot(plain.page, 'surer_320');
  await submit(plain.page, 'form[action="/sign-in/choose"]:has(input[value=mobile]) button');
  const number = await text(plain.page, '.number');
  await shot(plain.page, 'surer_number_320');
  await page.goto(`${base}/my/confirmations`);
  await submit(page, `form[action="/my/confirmations/browser"] button[name=number][value="${number}"]`);
  await submit(plain.page, 'form[action="/sign-in/poll"] button');
  check(at(plain.page) === '/services/sure/apply/place', `confirmed elsewhere one is at ${plain.page.url()}`);
  for (const [language, words] of Object.entries({ az: 'Yaxın yeri seçin.', en: 'Choose what is near.', ru: 'Выберите ближнее место.' })) {
    await plain.page.goto(`${base}/services/sure/apply/place?lang=${language}`);
    check(await plain.page.locator('.help p').isHidden(), `${language}: help stands in the way of the question`);
    await plain.page.locator('.help summary').click();
    check(await text(plain.page, '.help p') === words, `${language}: help is ${await text(plain.page, '.help p')}`);
  }
  await shot(plain.page, 'help_320');
  await plain.page.goto(`${base}/services/sure/apply/place?lang=en`);
  await plain.page.locator('.options label').first().click();
  await submit(plain.page, next);
  await submit(plain.page, 'form[action$="/send"] button');
  check(await plain.page.locator('.receipt .number').count() === 1, 'without scripts it is not sent');
  for (const language of ['az', 'en', 'ru']) {
    await plain.page.goto(`${base}/services/sure?lang=${language}`);
    check((await text(plain.page, '.note.wait')).includes('00:00'), `${language}: from when one may apply again is not said`);
    await shot(plain.page, `again_${language}_320`);
  }
  await plain.context.close();
});

await step('by keyboard alone', async () => {
  await one.page.goto(`${base}/services/service-centre-appointment/apply/topic`);
  await one.page.locator('.back a').focus();
  await one.page.keyboard.press('Tab');
  check(await one.page.evaluate(() => document.activeElement.name) === 'answer', 'Tab does not reach the answers');
  await one.page.keyboard.press('ArrowDown');
  check(await one.page.locator('.options input').nth(1).isChecked(), 'arrows do not choose');
  await Promise.all([one.page.waitForNavigation(), one.page.keyboard.press('Enter')]);
  check(!at(one.page).endsWith('/topic'), 'Enter does not answer');
});

if (!process.env.SHORT) await step('every page', async () => {
  const state = await one.context.storageState();
  await one.page.goto(`${base}/my/cases`);
  const cases = await one.page.$$eval('.card h3 a', (all) => all.map((a) => new URL(a.href).pathname));
  await one.page.goto(`${base}/my/permits`);
  const permit = await one.page.$eval('.cards a', (a) => new URL(a.href).pathname);
  await judgePages(base, undefined, ['/services', '/services?q=xidm', '/services?q=nowhere', '/services/leaving-home', '/services/small-business-support',
    '/services/employee-permit', '/services/service-centre-appointment'], { shots });
  const draft = ['where', 'who', 'day', 'seats', 'animals', 'needs', 'phone', 'note'].map((f) => `/services/everything/apply/${f}`);
  await judgePages(base, state, ['/services/leaving-home', '/services/small-business-support', '/my/cases', ...cases.map((c) => `${c}?sent=1`), '/my/permits', permit,
    ...draft, '/services/leaving-home/apply/reason', '/services/service-centre-appointment/apply/needs'], { shots });
  await judgePages(base, await two.context.storageState(), ['/office/assist?organisation=digital-agency'], { shots });
});

await finish();
