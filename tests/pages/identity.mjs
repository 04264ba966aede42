// The digital ID in headless Chromium: node tests/pages/identity.mjs BASE '[{"fin":...,"code":...}, {...}]'
//
// Two made-up persons enrol with their activation codes: a citizen and an official. Passkeys come from the DevTools
// virtual authenticator. Then every page is judged in three languages at 320 and 1280 pixels as in run.mjs, and
// everything but passkeys is done without scripts. The last line says how many checks passed.
import crypto from 'node:crypto';
import http from 'node:http';
import * as shared from './chromium.mjs';
import { addAuthenticator, at, check, judge, step, submit, totp } from './chromium.mjs';

const base = process.argv[2].replace(/\/$/, '');
const [citizen, official] = JSON.parse(process.argv[3]);
const shots = process.argv[4];
const judgePages = (state, paths, options = {}) => shared.judgePages(base, state, paths, { shots, ...options });
/// With the policy that the pages come with: the script of passkeys must pass it.
const newBrowser = (options = {}) => shared.newBrowser(base, { bypassCSP: false, ...options });

// -- a relying party: where clients are sent back to, and what they are told from behind

const told = [];
const party = http.createServer((request, answer) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    if (request.url.startsWith('/backchannel/')) told.push({ client: request.url.split('/')[2], token: new URLSearchParams(body).get('logout_token') });
    answer.setHeader('content-type', 'text/html').end('<!doctype html><title>client</title><p>back at the client');
  });
});
await new Promise((resolve) => party.listen(0, '127.0.0.1', resolve));
const partyUrl = `http://127.0.0.1:${party.address().port}`;

const clientJson = (id, grants, more = {}) => JSON.stringify({
  client_id: id, organisation: 'tabib', client_name: `${id} xidməti`, 'client_name#en': `Service ${id}`,
  purpose: 'Randevu üçün', 'purpose#en': 'To book an appointment', legal_ground: 'Law 123',
  redirect_uris: [`${partyUrl}/callback/${id}`], post_logout_redirect_uris: [`${partyUrl}/out/${id}`],
  backchannel_logout_uri: `${partyUrl}/backchannel/${id}`, grant_types: grants,
  token_endpoint_auth_method: 'client_secret_basic', scope: 'openid profile offline_access', ...more,
});

async function post(address, form, secret) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  if (secret) headers.authorization = `Basic ${Buffer.from(`${encodeURIComponent(secret.id)}:${encodeURIComponent(secret.secret)}`).toString('base64')}`;
  const answer = await fetch(base + address, { method: 'POST', headers, body: new URLSearchParams(form), redirect: 'manual' });
  return { status: answer.status, headers: answer.headers, json: await answer.json().catch(() => null) };
}

// -- the tests, one after another; each says where it ended when it fails

const enrol = (person, page) => shared.enrol(base, person, page);

const one = await newBrowser();
await addAuthenticator(one.page);
const two = await newBrowser();
await addAuthenticator(two.page);

await step('enrolment', async () => {
  await one.page.goto(`${base}/enrol`);
  await one.page.fill('#nid', citizen.fin);
  await one.page.fill('#code', 'AAAA-AAAA-AAAA-A');
  await submit(one.page, 'form[action="/enrol/code"] button');
  check(await one.page.locator('.note.bad').count() === 1, 'enrolment: a wrong code is not refused in words');
  await enrol(citizen, one.page);
  check(at(one.page) === '/my', `enrolment: leads to ${one.page.url()}`);
  check((await one.page.locator('h1').innerText()).includes(citizen.name), 'enrolment: not the person');
  await one.page.goto(`${base}/enrol`);
  await one.page.fill('#nid', citizen.fin);
  await one.page.fill('#code', citizen.code);
  await submit(one.page, 'form[action="/enrol/code"] button');
  check(await one.page.locator('.note.bad').count() === 1, 'enrolment: a code works twice');
  await enrol(official, two.page);
  check(at(two.page) === '/my', `enrolment of the official: leads to ${two.page.url()}`);
});

await step('sign out and in', async () => {
  await one.page.goto(`${base}/my`);
  const before = (await one.context.cookies()).find((c) => c.name === 'session');
  check(before.httpOnly && before.sameSite === 'Lax', 'the session cookie is open to scripts or other sites');
  await submit(one.page, 'form[action="/sign-out"] button');
  check(at(one.page) === '/signed-out', `signing out leads to ${one.page.url()}`);
  await one.page.goto(`${base}/my/sessions`);
  check(at(one.page) === '/sign-in', 'after signing out a page of mine is open');
  const stolen = await fetch(`${base}/my`, { headers: { cookie: `session=${before.value}`, accept: 'text/html' }, redirect: 'manual' });
  check(stolen.status === 303, `an ended session answers ${stolen.status}`);
  await submit(one.page, 'form[data-passkey] button');
  check(at(one.page) === '/my/sessions', `signing in leads to ${one.page.url()}`);
  const after = (await one.context.cookies()).find((c) => c.name === 'session');
  check(before.value !== after.value, 'the token is the same after signing in again');
  await one.page.goto(`${base}/sign-in?fresh=1&then=//evil.example/`);
  await submit(one.page, 'form[data-passkey] button');
  check(one.page.url() === `${base}/my`, `an open redirect: ${one.page.url()}`);
});

let secret = '';
let counterCode = '';
await step('an app for codes', async () => {
  await one.page.goto(`${base}/my/authenticators`);
  await submit(one.page, 'a[href="/my/authenticators/totp"]');
  secret = await one.page.locator('.secret').innerText();
  await one.page.fill('#code', '000000');
  await submit(one.page, 'main .slim form button');
  check(await one.page.locator('.note.bad').count() === 1, 'a wrong code adds an app');
  secret = await one.page.locator('.secret').innerText();
  await one.page.fill('#code', totp(secret));
  await one.page.fill('#name', 'My telephone');
  await submit(one.page, 'main .slim form button');
  check(await one.page.locator('.cards h2', { hasText: 'My telephone' }).count() === 1, 'the app is not there');
  await one.page.locator('.card', { hasText: 'My telephone' }).locator('summary').click();
  await one.page.locator('.card', { hasText: 'My telephone' }).locator('input[name=name]').fill('My old telephone');
  await submit(one.page, '.card:has-text("My telephone") form[action$="rename"] button');
  check(await one.page.locator('.cards h2', { hasText: 'My old telephone' }).count() === 1, 'the app is not renamed');
});

const plain = await newBrowser({ javaScriptEnabled: false });
await step('without scripts', async () => {
  await new Promise((resolve) => { setTimeout(resolve, 31_000 - (Date.now() % 30_000)); });  // a code passes once
  await plain.page.goto(`${base}/my/access`);
  check(await plain.page.locator('form[data-passkey]').isHidden(), 'without scripts a passkey is offered');
  await plain.page.fill('#national_id', citizen.fin);
  await submit(plain.page, 'form[action="/sign-in/identify"] button');
  const choice = plain.page.locator('form[action="/sign-in/choose"]:has(input[value=totp]) button');
  if (await choice.count() === 1) await Promise.all([plain.page.waitForNavigation(), choice.click()]);
  await plain.page.fill('#code', '123456');
  await submit(plain.page, 'form[action="/sign-in/code"] button');
  check(await plain.page.locator('.note.bad').count() === 1 && await plain.page.locator('#code').count() === 1,
    'a wrong code does not lead to the same step again');
  await plain.page.fill('#code', totp(secret));
  await submit(plain.page, 'form[action="/sign-in/code"] button');
  check(at(plain.page) === '/my/access', `without scripts signing in leads to ${plain.page.url()}`);
  for (const address of ['/my', '/my/authenticators', '/my/sessions', '/my/consents', '/my/relations', '/my/access',
    '/my/data', '/my/confirmations', '/device']) {
    const response = await plain.page.goto(base + address);
    check(response.status() === 200 && at(plain.page) === address, `${address} without scripts: ${response.status()} ${plain.page.url()}`);
    check((await plain.page.locator('main').innerText()).length > 40, `${address} without scripts: is empty`);
  }
});

await step('sessions', async () => {
  await one.page.goto(`${base}/my/sessions`);
  check(await one.page.locator('tbody tr').count() === 2, `${await one.page.locator('tbody tr').count()} sessions`);
  await submit(one.page, 'form:has(input[name=all]) button');
  check(await one.page.locator('tbody tr').count() === 1, 'other sessions go on');
  await plain.page.goto(`${base}/my`);
  check(at(plain.page) === '/sign-in', 'an ended session works on');
});

await step('an official', async () => {
  await two.page.goto(`${base}/office`);
  check(at(two.page) === '/office', `the console leads to ${two.page.url()}`);
  await two.page.fill('#national_id', citizen.fin);
  await two.page.fill('#reason', 'transfer to another hospital');
  await submit(two.page, 'form[action="/office/person"] button');
  check((await two.page.locator('h1').innerText()).includes(citizen.name), 'the record is not there');
  check(await two.page.locator('#status option').count() > 0, 'there is nothing to attest');
  const before = await two.page.locator('.cards .card').count();
  await two.page.fill('#until', new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10));
  await submit(two.page, 'form[action="/office/attest"] button');
  check(await two.page.locator('.note.go').count() === 1, 'attesting is not confirmed');
  await submit(two.page, 'form[action="/office/revoke"] button');
  check(await two.page.locator('.note.go').count() === 1, 'revoking is not confirmed');
  check(await two.page.locator('.cards .card').count() <= before + 1, 'statuses add up');
  const refused = await two.page.goto(`${base}/office/counter?organisation=tabib`);
  check(refused.status() === 403, `a body that identifies nobody has the counter: ${refused.status()}`);
  await two.page.goto(`${base}/office/counter?organisation=digital-agency`);
  await two.page.fill('#national_id', citizen.fin);
  await two.page.fill('#document', 'passport AZE 1234567');
  await submit(two.page, 'form[action="/office/counter"] button');
  counterCode = await two.page.locator('.number').innerText();
  check(/^\w{4}-\w{4}-\w{4}-\w$/.test(counterCode), 'no code at the counter');
  await one.page.goto(`${base}/office`);
  check(await one.page.locator('#national_id').count() === 0, 'a citizen has the console');
});

const secrets = {};
await step('clients', async () => {
  for (const [id, grants, more] of [['alpha', ['authorization_code', 'refresh_token']], ['beta', ['authorization_code']],
    ['telly', ['urn:ietf:params:oauth:grant-type:device_code'], { redirect_uris: [], post_logout_redirect_uris: [], backchannel_logout_uri: '' }],
    ['bank', ['urn:openid:params:grant-type:ciba'], { redirect_uris: [], post_logout_redirect_uris: [], backchannel_logout_uri: '' }]]) {
    await two.page.goto(`${base}/office/clients`);
    const json = JSON.parse(clientJson(id, grants, more));
    for (const name of Object.keys(json)) if (json[name] === '' || json[name].length === 0) delete json[name];
    await two.page.locator('#as-json summary').click();
    await two.page.fill('#json', JSON.stringify(json));
    await submit(two.page, '#as-json form button');
    const shown = two.page.locator('.note.go pre');
    check(await shown.count() === 1, `client ${id}: ${await two.page.locator('.note.bad').allInnerTexts()}`);
    if (await shown.count() === 1) secrets[id] = { id, secret: (await shown.innerText()).trim() };
  }
  await two.page.goto(`${base}/office/clients`);
  await two.page.locator('#as-json summary').click();
  await two.page.fill('#json', clientJson('gamma', ['authorization_code'], { by_law: true }));
  await submit(two.page, '#as-json form button');
  check(await two.page.locator('.note.bad').count() === 1, 'an official dispenses with consent');
  await two.page.fill('#json', clientJson('gamma', ['client_credentials'], { scope: 'admin' }).replace(/"(post_logout_)?redirect_uris":\[[^\]]*\],?/g, ''));
  await submit(two.page, '#as-json form button');
  check(await two.page.locator('.note.bad').count() === 1 && await two.page.locator('.note.go').count() === 0, 'an official makes an administrator');
  // The form, as an official fills it in: what is refused stays typed, and the mended one is registered.
  await two.page.goto(`${base}/office/clients?lang=en`);
  await two.page.locator('label[for="kind-site"]').click();
  await two.page.fill('#client_id', 'delta');
  await two.page.fill('#name', 'Delta');
  await two.page.fill('#purpose', 'Növbə üçün');
  await two.page.fill('#uris', 'http://delta.example/back');
  await two.page.locator('input[name=scope][value=profile]').check();
  await submit(two.page, '.register button');
  check((await two.page.locator('.note.bad').innerText()).includes('https'), 'a cleartext address is taken');
  check(await two.page.inputValue('#name') === 'Delta' && await two.page.locator('input[name=scope][value=profile]').isChecked(), 'a refusal loses what was typed');
  await two.page.fill('#uris', 'https://delta.example/back\nhttps://delta.example/too');
  await submit(two.page, '.register button');
  check(await two.page.locator('.note.go pre').count() === 1, `the form registers nothing: ${await two.page.locator('.note.bad').allInnerTexts()}`);
  await submit(two.page, 'a[href*="client=delta"]');
  check((await two.page.inputValue('#json')).includes('https://delta.example/too'), 'a client can’t be changed');
});

const tokens = {};
async function authorize(id, { refuse = false, judged = false } = {}) {
  const verifier = crypto.randomBytes(32).toString('base64url');
  const query = new URLSearchParams({ client_id: id, response_type: 'code', redirect_uri: `${partyUrl}/callback/${id}`,
    scope: 'openid profile', state: 's1', nonce: 'n1', code_challenge_method: 'S256',
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url') });
  await one.page.goto(`${base}/oauth/authorize?${query}`);
  if (one.page.url().startsWith(base)) {
    check(await one.page.locator('form[action="/oauth/consent"]').count() === 1, `${id}: no consent page at ${one.page.url()}`);
    check((await one.page.locator('main').innerText()).includes(citizen.name.split(' ')[0]), `${id}: the values are not shown`);
    if (judged) await judgePages(await one.context.storageState(), [`/oauth/authorize?${query}`]);
    await submit(one.page, `button[name=answer][value=${refuse ? 'no' : 'yes'}]`);
  }
  const back = new URL(one.page.url());
  check(back.href.startsWith(`${partyUrl}/callback/${id}`), `${id}: leads to ${back.href}`);
  check(back.searchParams.get('iss') === base && back.searchParams.get('state') === 's1', `${id}: iss or state ${back.search}`);
  if (refuse) return back.searchParams.get('error');
  const answer = await post('/oauth/token', { grant_type: 'authorization_code', code: back.searchParams.get('code'),
    redirect_uri: `${partyUrl}/callback/${id}`, code_verifier: verifier }, secrets[id]);
  check(answer.status === 200, `${id}: token endpoint ${answer.status} ${JSON.stringify(answer.json)}`);
  tokens[id] = answer.json;
  return null;
}

await step('consent', async () => {
  check(await authorize('alpha', { refuse: true, judged: true }) === 'access_denied', 'a refusal is not told');
  await authorize('alpha');
  const info = await (await fetch(`${base}/oauth/userinfo`, { headers: { authorization: `Bearer ${tokens.alpha.access_token}` } })).json();
  check(info.name === citizen.name, `userinfo: ${JSON.stringify(info)}`);
  await authorize('beta');
  const claims = (id) => JSON.parse(Buffer.from(tokens[id].id_token.split('.')[1], 'base64url'));
  check(claims('alpha').sub !== claims('beta').sub, 'two clients know the person by one name');
});

await step('who looked at my data', async () => {
  await one.page.goto(`${base}/my/access`);
  const rows = await one.page.locator('tbody tr').allInnerTexts();
  check(rows.some((row) => row.includes('transfer to another hospital')), `the official's reason is not there: ${rows}`);
  await submit(one.page, 'tbody tr:has-text("transfer to another hospital") a');
  check(await one.page.locator('pre').first().innerText().then((leaf) => JSON.parse(leaf).action === 'person.read'), 'no leaf');
  const proof = await fetch(base + await one.page.locator('a[href*="proofs/inclusion"]').getAttribute('href'));
  check(proof.status === 200, `the proof answers ${proof.status}`);
  const entry = at(one.page);
  await two.page.goto(base + entry);
  check(await two.page.locator('pre').count() === 0, "somebody else's entry is shown");
});

await step('device', async () => {
  const begun = await post('/oauth/device_authorization', { scope: 'openid profile' }, secrets.telly);
  check(begun.status === 200, `device_authorization ${begun.status} ${JSON.stringify(begun.json)}`);
  await one.page.goto(`${base}/device`);
  await one.page.fill('#user_code', 'XXXX-XXXX');
  await submit(one.page, 'form[action="/device"] button');
  check(await one.page.locator('.note.bad').count() === 1, 'an unknown code of a device is taken');
  await one.page.fill('#user_code', begun.json.user_code.toLowerCase());
  await submit(one.page, 'form[action="/device"] button');
  check((await one.page.locator('.number').innerText()) === begun.json.user_code, 'the device code is not shown again');
  await submit(one.page, 'button[name=answer][value=yes]');
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: begun.json.device_code };
  const got = await post('/oauth/token', grant, secrets.telly);
  check(got.status === 200 && got.json.access_token, `the device's token: ${got.status} ${JSON.stringify(got.json)}`);
});

await step('a client asks for a confirmation', async () => {
  const begun = await post('/oauth/bc-authorize', { scope: 'openid profile', login_hint: citizen.fin, binding_message: 'BANK-42' }, secrets.bank);
  check(begun.status === 200, `bc-authorize ${begun.status} ${JSON.stringify(begun.json)}`);
  const grant = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: begun.json.auth_req_id };
  await one.page.goto(`${base}/my/confirmations`);
  check((await one.page.locator('.number').innerText()) === 'BANK-42', 'the message that binds both sides is not shown');
  await judgePages(await one.context.storageState(), ['/my/confirmations']);
  await submit(one.page, 'button[name=answer][value=yes]');
  check(await one.page.locator('.number').count() === 0, 'what was confirmed waits on');
  const got = await post('/oauth/token', grant, secrets.bank);
  check(got.status === 200 && got.json.access_token, `the bank's token: ${got.status} ${JSON.stringify(got.json)}`);
});

/// A browser without a session that asks to be signed in by a confirmation elsewhere, and the number that it shows.
async function askElsewhere(person) {
  const asking = await newBrowser({ javaScriptEnabled: false });
  await asking.page.goto(`${base}/sign-in?then=/my/access`);
  await asking.page.fill('#national_id', person.fin);
  await submit(asking.page, 'form[action="/sign-in/identify"] button');
  await submit(asking.page, 'form[action="/sign-in/choose"]:has(input[value=mobile]) button');
  return { ...asking, number: await asking.page.locator('.number').innerText() };
}
const poll = (page) => submit(page, 'form[action="/sign-in/poll"] button');
const numbers = 'form[action="/my/confirmations/browser"] button[name=number]';

await step('another browser signs in by a confirmation', async () => {
  const asking = await askElsewhere(citizen);
  await poll(asking.page);
  check(at(asking.page) === '/sign-in/poll' && await asking.page.locator('.note.bad').count() === 0, 'a browser is signed in before anybody agreed');
  await two.page.goto(`${base}/my/confirmations`);
  check(await two.page.locator(numbers).count() === 0, "somebody else's confirmation is shown");
  await judgePages(await one.context.storageState(), ['/my/confirmations']);
  await one.page.goto(`${base}/my/confirmations`);
  const offered = await one.page.locator(numbers).allInnerTexts();
  check(offered.length === 3 && new Set(offered).size === 3 && offered.includes(asking.number), `${asking.number} among ${offered}`);
  await submit(one.page, `${numbers}[value="${asking.number}"]`);
  check(await one.page.locator('h1').count() === 1 && await one.page.locator('.note.bad').count() === 0, 'the right number is not taken');
  await judge(one.page, 'a browser was confirmed');
  await poll(asking.page);
  check(at(asking.page) === '/my/access', `the right number leads to ${asking.page.url()}`);
  await asking.page.goto(`${base}/my`);
  check((await asking.page.locator('h1').innerText()).includes(citizen.name), 'the other browser is not the person');
  await one.page.goto(`${base}/my/confirmations`);
  check(await one.page.locator(numbers).count() === 0, 'what was confirmed waits on');
  await asking.context.close();
});

await step('another browser is refused', async () => {
  for (const how of ['wrong', 'no']) {
    const asking = await askElsewhere(citizen);
    await one.page.goto(`${base}/my/confirmations`);
    const offered = await one.page.locator(numbers).allInnerTexts();
    const wrong = offered.find((number) => number !== asking.number);
    const form = 'form[action="/my/confirmations/browser"]';
    await submit(one.page, how === 'wrong' ? `${numbers}[value="${wrong}"]` : `${form}:not(:has(button[name=number])) button`);
    await one.page.goto(`${base}/my/confirmations`);
    check(await one.page.locator(form).count() === 0, `${how}: another number may be tried`);
    await poll(asking.page);
    check(await asking.page.locator('.note.bad').count() >= 1, `${how}: the refusal is not said`);
    await asking.page.goto(`${base}/my`);
    check(at(asking.page) === '/sign-in', `${how}: the browser is signed in`);
    await asking.context.close();
  }
});

await step('acting for another', async () => {
  await one.page.goto(`${base}/my/relations`);
  await one.page.fill('#national_id', official.fin);
  await one.page.fill('#until', new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10));
  await submit(one.page, 'form[action$="give"] button');
  check(await one.page.locator('.cards .card', { hasText: official.name }).count() === 1, 'the mandate is not there');
  await two.page.goto(`${base}/my/relations`);
  await judgePages(await two.context.storageState(), ['/my/relations']);
  await submit(two.page, `.card:has-text("${citizen.name}") form[action$="act"] button`);
  check(at(two.page) === '/my' && (await two.page.locator('h1').innerText()).includes(citizen.name), 'not the rights of whom one acts for');
  check(await two.page.locator('.note.wait').count() === 1, 'it is not said that one acts for another');
  await two.page.goto(`${base}/office`);
  check(await two.page.locator('#national_id').count() === 0, 'an official acts for another in the console');
  const asking = await askElsewhere(official);
  await two.page.goto(`${base}/my/confirmations`);
  check(await two.page.locator(numbers).count() === 0, 'who acts for another confirms without proving again');
  const token = await two.page.locator('form[action="/my/confirmations/browser"] input[name=form]').inputValue();
  const id = await two.page.locator('form[action="/my/confirmations/browser"] input[name=id]').inputValue();
  const cookie = (await two.context.cookies(base)).map((c) => `${c.name}=${c.value}`).join('; ');
  const sent = await fetch(`${base}/my/confirmations/browser`, { method: 'POST', redirect: 'manual', headers: { cookie },
    body: new URLSearchParams({ form: token, id, number: asking.number }) });
  check(sent.status === 303 && sent.headers.get('location') === '/sign-in?fresh=1&then=/my/confirmations',
    `without proving again: ${sent.status} ${sent.headers.get('location')}`);
  await poll(asking.page);
  check(at(asking.page) === '/sign-in/poll', 'who acts for another confirmed');
  await asking.context.close();
  await one.page.goto(`${base}/my/access`);
  check((await one.page.locator('tbody').innerText()).includes('Looked at your rights'), 'acting for them is not on record');
  await one.page.goto(`${base}/my/relations`);
  await submit(one.page, `.card:has-text("${official.name}") form[action$="end"] button`);
  await two.page.goto(`${base}/my`);
  check(at(two.page) === '/sign-in' || !(await two.page.locator('h1').innerText()).includes(citizen.name), 'an ended mandate gives rights');
  if (at(two.page) === '/sign-in') await submit(two.page, 'form[data-passkey] button');
});

const wide = await one.context.storageState();
await step('every page', async () => {
  await judgePages({ cookies: [], origins: [] }, ['/sign-in', '/enrol', '/recover', '/signed-out', '/demo/outbox'], { scripts: 1 });
  await judgePages(wide, ['/my', '/my/sessions', '/my/consents', '/my/relations', '/my/access', '/my/access?all=1', '/my/data',
    '/my/confirmations', '/device']);
  await judgePages(wide, ['/my/authenticators', '/my/authenticators/totp'], { scripts: 1 });
  await judgePages(wide, ['/my/authenticators/phone']);
  await judgePages(await two.context.storageState(), ['/office', '/office/clients', '/office/counter?organisation=digital-agency']);
});

await step('data that is corrected', async () => {
  const queue = '/office/corrections?organisation=digital-agency';
  await one.page.goto(`${base}/my/data`);
  await one.page.fill('#words', 'My street is written with an x');
  await submit(one.page, 'form[action="/my/data"] button');
  await judge(one.page, '/my/data with a request');
  await judgePages(await two.context.storageState(), [queue]);
  await two.page.goto(base + queue);
  check(await two.page.locator('form[action="/office/corrections/open"]').count() === 1, 'the request is not in the queue');
  check(!(await two.page.locator('main').innerText()).includes(citizen.name), 'the queue says who asks');
  await submit(two.page, 'form[action="/office/corrections/open"] button');
  check((await two.page.locator('main').innerText()).includes('written with an x'), 'the request is not shown');
  await judge(two.page, '/office/corrections/open');
  await two.page.fill('#answer', 'It is written with a q now');
  await submit(two.page, 'form[action="/office/corrections/answer"] button[value=corrected]');
  check(at(two.page) === '/office/corrections', `an answer leads to ${two.page.url()}`);
  await judge(two.page, '/office/corrections after an answer');
  await one.page.goto(`${base}/my/data`);
  check((await one.page.locator('main').innerText()).includes('with a q now'), 'the answer is not told');
});

await step('forms of other sites', async () => {
  const cookie = (await one.context.cookies(base)).map((c) => `${c.name}=${c.value}`).join('; ');
  const send = (address, body, headers) => fetch(base + address, { method: 'POST', redirect: 'manual', body: new URLSearchParams(body),
    headers: { cookie, accept: 'text/html', ...headers } });
  await one.page.goto(`${base}/my/sessions`);
  const form = await one.page.locator('input[name=form]').first().inputValue();
  for (const address of ['/sign-out', '/my/sessions', '/my/consents', '/my/authenticators/remove', '/my/relations/give',
    '/my/data', '/my/confirmations', '/my/confirmations/browser', '/device/answer', '/oauth/consent']) {
    check((await send(address, { all: '1' }, {})).status === 403, `${address} without the form's token`);
    check((await send(address, { form, all: '1' }, { origin: 'https://evil.example' })).status === 403, `${address} from elsewhere`);
    check((await send(address, { form, all: '1' }, { 'sec-fetch-site': 'cross-site' })).status === 403, `${address} cross-site`);
  }
  check((await send('/sign-in/identify', { state: 'x', national_id: citizen.fin }, { origin: 'https://evil.example' })).status === 403,
    'signing in from elsewhere');
  const framed = await fetch(`${base}/sign-in`);
  check(framed.headers.get('content-security-policy').includes("frame-ancestors 'none'"), 'the sign-in page may be framed');
});

await step('consent withdrawn', async () => {
  await one.page.goto(`${base}/my/consents`);
  const count = await one.page.locator('.cards > li').count();
  check(count >= 2, `${count} consents`);
  await submit(one.page, 'li:has-text("Service beta") form button');
  check(await one.page.locator('.cards > li').count() === count - 1, 'a withdrawn consent stands');
  await authorize('beta');  // asks again: authorize() checks the consent page
});

await step('logout in two clients at once', async () => {
  told.length = 0;
  const query = new URLSearchParams({ id_token_hint: tokens.alpha.id_token, post_logout_redirect_uri: `${partyUrl}/out/alpha`, state: 'bye' });
  await one.page.goto(`${base}/oauth/logout?${query}`);
  if (one.page.url().startsWith(base)) await submit(one.page, 'button[name=answer][value=yes]');
  check(one.page.url() === `${partyUrl}/out/alpha?state=bye`, `logout leads to ${one.page.url()}`);
  for (let i = 0; i < 100 && new Set(told.map((t) => t.client)).size < 2; i += 1) await new Promise((resolve) => { setTimeout(resolve, 100); });
  const clients = new Set(told.map((t) => t.client));
  check(clients.has('alpha') && clients.has('beta'), `told of the logout: ${[...clients]}`);
  check(told.every((t) => JSON.parse(Buffer.from(t.token.split('.')[1], 'base64url')).events), 'a logout token without its event');
  await one.page.goto(`${base}/my`);
  check(at(one.page) === '/sign-in', 'the session goes on');
});

await step('suspended and taken up again', async () => {
  const look = async () => {
    await two.page.goto(`${base}/office?organisation=digital-agency`);
    await two.page.fill('#national_id', citizen.fin);
    await two.page.fill('#reason', 'a stolen card');
    await submit(two.page, 'form[action="/office/person"] button');
  };
  await one.page.goto(`${base}/sign-in`);
  await submit(one.page, 'form[data-passkey] button');
  check(at(one.page) === '/my', `signing in leads to ${one.page.url()}`);
  await look();
  await judge(two.page, '/office/person with a digital ID');
  await two.page.fill('#why', 'a stolen card');
  await submit(two.page, 'form[action="/office/suspend"] button');
  check(await two.page.locator('.note.go').count() === 1, 'the suspension is not confirmed');
  await one.page.goto(`${base}/my`);
  check(at(one.page) === '/sign-in', 'a suspended person goes on');
  await submit(one.page, 'form[data-passkey] button');
  check(at(one.page) !== '/my', 'a suspended person signs in');
  await two.page.fill('#why', 'the card was found');
  await submit(two.page, 'form[action="/office/reactivate"] button');
  check(await two.page.locator('.note.go').count() === 1, 'the reactivation is not confirmed');
  await one.page.goto(`${base}/sign-in`);
  await submit(one.page, 'form[data-passkey] button');
  check(at(one.page) === '/my', `after a reactivation signing in leads to ${one.page.url()}`);
  await two.page.goto(`${base}/office?organisation=tabib`);
  await two.page.fill('#national_id', citizen.fin);
  await two.page.fill('#reason', 'a stolen card');
  await submit(two.page, 'form[action="/office/person"] button');
  check(await two.page.locator('form[action="/office/suspend"]').count() === 0, 'a body that identifies nobody suspends');
  await one.page.goto(`${base}/my`);
  await submit(one.page, 'form[action="/sign-out"] button');
});

await step('a lost phone', async () => {
  const found = await newBrowser();
  await addAuthenticator(found.page);
  await found.page.goto(`${base}/recover`);
  await found.page.fill('#nid', citizen.fin);
  await found.page.fill('#code', counterCode);
  await submit(found.page, 'form[action="/recover/code"] button');
  check(await found.page.locator('#lost-passkey option').count() > 1, 'which one is lost is not asked');
  await judge(found.page, '/recover at its choice', { scripts: 1 });
  const lost = await found.page.locator('#lost-passkey option', { hasText: 'Passkey' }).first().getAttribute('value');
  await found.page.selectOption('#lost-passkey', lost);
  await submit(found.page, 'form[data-passkey] button');
  check(at(found.page) === '/my/authenticators', `the recovery leads to ${found.page.url()}`);
  check((await found.page.locator('main').innerText()).includes('High assurance') || (await found.page.locator('main').innerText()).includes('Substantial'),
    'what was proved at a counter counts for little');
  await one.page.goto(`${base}/sign-in?fresh=1`);
  await submit(one.page, 'form[data-passkey] button');
  check(at(one.page) !== '/my' && await one.page.locator('.note.bad[role=status]').count() === 1, 'the lost passkey still opens');
});

party.close();
await shared.finish();
