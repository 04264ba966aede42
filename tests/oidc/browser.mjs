// A person at a browser without JavaScript: keeps cookies, follows redirects, fills in the forms of a provider's pages.
//
//   const person = new Browser();
//   const back = await person.visit(authorizationUrl);   // the URL at which the client gets its answer
//
// `visit` ends where a redirect leads to a host that isn't the provider's (unless `follow` says that somebody listens there).
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setup } from './checks.mjs';
import { assertion } from './passkey.mjs';

const agent = new http.Agent({ keepAlive: true });

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescape = (text) => text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
  hex ? String.fromCodePoint(parseInt(hex, 16)) : decimal ? String.fromCodePoint(Number(decimal)) : entities[name] ?? all);

function attributes(tag) {
  const found = {};
  for (const [, name, , double, single, bare] of tag.matchAll(/([\w-]+)(?:\s*=\s*("([^"]*)"|'([^']*)'|([^\s>"']+)))?/g)) {
    found[name.toLowerCase()] ??= unescape(double ?? single ?? bare ?? '');
  }
  return found;
}

/// The forms of a page: { action, method, fields: { name: value }, pairs (all of it, ticked boxes too), typed: names of what can be
/// typed, buttons: [{name, value, text}] }.
export function forms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => {
    const form = { ...attributes(head), fields: {}, pairs: [], typed: new Set(), buttons: [] };
    for (const [tag] of inside.matchAll(/<input\b[^>]*>/gi)) {
      const input = attributes(tag.slice(6));
      const type = (input.type ?? 'text').toLowerCase();
      if (!input.name && type !== 'submit') continue;
      if (type === 'submit') form.buttons.push({ name: input.name, value: input.value ?? '', text: input.value ?? '' });
      else if (type === 'checkbox' || type === 'radio') {
        if ('checked' in input) form.pairs.push([input.name, input.value ?? 'on']);
      } else {
        form.fields[input.name] = input.value ?? '';
        form.pairs.push([input.name, input.value ?? '']);
        if (type !== 'hidden') form.typed.add(input.name);
      }
    }
    for (const [, head2, text] of inside.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)) {
      const button = attributes(head2);
      if ((button.type ?? 'submit') === 'submit') form.buttons.push({ name: button.name, value: button.value ?? '', text: text.replace(/<[^>]*>/g, '').trim() });
    }
    return form;
  });
}

/// RFC 6238: six digits of 30 s, SHA-1.
export function totp(secret, at = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = '';
  for (const letter of secret.replace(/[\s=]/g, '').toUpperCase()) bits += alphabet.indexOf(letter).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = crypto.createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// node:http, since `fetch` follows its own ideas of cookies.
export function exchange(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = http.request(url, { method, headers: { ...headers, ...length }, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ url: new URL(url), status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() }));
      response.on('error', reject);
    });
    request.on('error', (error) => {
      if (request.reusedSocket && error.code === 'ECONNRESET') resolve(exchange(url, method, headers, body));  // closed meanwhile
      else reject(error);
    });
    request.end(body);
  });
}

export class Browser {
  constructor({ person = setup.login.persons[0], follow = [], consent = true } = {}) {
    this.person = person;
    this.follow = follow;
    this.consent = consent;
    this.jars = new Map();  // by host (cookies don't know ports)
    this.seen = [];  // what was visited, for messages and for checks of headers
    this.asked = { sign_in: 0, consent: 0 };
  }

  cookies(url) {
    const jar = this.jars.get(url.hostname) ?? new Map();
    return [...jar.values()].filter((cookie) => url.pathname.startsWith(cookie.path)).map((cookie) => `${cookie.name}=${cookie.value}`).join('; ');
  }

  keep(url, headers) {
    const jar = this.jars.get(url.hostname) ?? new Map();
    this.jars.set(url.hostname, jar);
    for (const line of headers['set-cookie'] ?? []) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path: '/' };
      let gone = false;
      for (const part of rest) {
        const [name, value] = part.split('=');
        if (/^path$/i.test(name)) cookie.path = value;
        if (/^max-age$/i.test(name) && Number(value) <= 0) gone = true;
        if (/^expires$/i.test(name) && new Date(part.slice(8)) < new Date()) gone = true;
      }
      // A path of another length is another cookie.
      const key = `${cookie.name} ${cookie.path}`;
      if (gone) jar.delete(key);
      else jar.set(key, cookie);
    }
  }

  /// One request, without following.
  async request(address, { method = 'GET', form, headers = {} } = {}) {
    const url = new URL(address);
    const sent = { accept: 'text/html', ...headers };
    const cookie = this.cookies(url);
    if (cookie) sent.cookie = cookie;
    let body;
    if (form) {
      body = new URLSearchParams(form).toString();
      sent['content-type'] = 'application/x-www-form-urlencoded';
      sent.origin ??= url.origin;
    }
    const page = await exchange(url, method, sent, body);
    this.keep(url, page.headers);
    this.seen.push(`${method} ${url.pathname}${url.search.slice(0, 60)} -> ${page.status}`);
    return page;
  }

  ours(url) {
    const at = new URL(setup.issuer);
    return url.host === at.host || this.follow.includes(url.host);
  }

  /// Follows redirects; ends with a page, or with { back: URL } where a client that doesn't listen gets its answer.
  async go(address, options) {
    let page = await this.request(address, options);
    for (let hops = 0; page.status >= 300 && page.status < 400 && page.headers.location; hops += 1) {
      if (hops > 20) throw new Error(`redirected in circles: ${this.seen.join('\n')}`);
      const next = new URL(page.headers.location, page.url);
      if (!this.ours(next)) return { ...page, back: next };
      page = await this.request(next);
    }
    return page;
  }

  submit(page, form, more = {}, button = undefined) {
    const fields = [...form.pairs.filter(([name]) => !(name in more)), ...Object.entries(more)];
    if (button?.name) fields.push([button.name, button.value]);
    const action = new URL(form.action || page.url.href, page.url);
    return this.go(action, { method: (form.method ?? 'get').toUpperCase() === 'POST' ? 'POST' : 'GET', form: fields });
  }

  /// Opens a page and does what the provider's pages ask until the client gets its answer, or nothing more is asked.
  /// @return the URL of the answer, or the last page if it didn't lead back
  async visit(address, options) {
    return this.walk(await this.go(address, options));
  }

  async walk(page) {
    for (let step = 0; step < 20; step += 1) {
      if (page.back) return page.back;
      const next = await this.answer(page);
      if (!next) return page;
      page = next;
    }
    throw new Error(`asked without end: ${this.seen.join('\n')}`);
  }

  /// Fills in one page. null: nothing to do here.
  async answer(page) {
    const strategy = setup.login.kind === 'peer' ? peerPages : ownPages;
    return strategy(this, page, forms(page.text));
  }
}

// The development pages of npm oidc-provider: any login and password, a button, a user code.
async function peerPages(browser, page, all) {
  const login = all.find((form) => form.fields.prompt === 'login');
  if (login) {
    browser.asked.sign_in += 1;
    return browser.submit(page, login, { login: browser.person.id, password: 'x' });
  }
  const consent = all.find((form) => form.fields.prompt === 'consent');
  if (consent) {
    browser.asked.consent += 1;
    if (!browser.consent) {
      const abort = page.text.match(/href="([^"]*\/abort)"/);
      return browser.go(new URL(abort[1], page.url));
    }
    return browser.submit(page, consent);
  }
  // Device flow: the code is in the form already (verification_uri_complete), or was typed by the check.
  const device = all.find((form) => 'user_code' in form.fields && form.fields.user_code);
  if (device) return browser.submit(page, device, { confirm: 'yes' });
  const logout = all.find((form) => form.id === 'op.logoutForm');
  if (logout) return browser.submit(page, logout, { logout: 'yes' });
  return null;
}

/// What the file-drop sender has sent, oldest first.
export function sentMessages() {
  const folder = setup.login.messages;
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => {
    const file = path.join(folder, name);
    try {
      return { file, at: fs.statSync(file).mtimeMs, ...JSON.parse(fs.readFileSync(file, 'utf8')) };
    } catch {
      return null;
    }
  }).filter(Boolean).sort((a, b) => a.at - b.at);
}

// Our own pages, by their forms' actions.
async function ownPages(browser, page, all) {
  const form = (action) => all.find((each) => new URL(each.action || page.url.href, page.url).pathname === action);
  const answer = (found) => browser.submit(page, found, {}, found.buttons.find((button) => button.value === (browser.consent ? 'yes' : 'no')));
  const passkey = form('/sign-in/passkey');
  if (passkey && browser.person.passkey) {
    browser.asked.sign_in += 1;
    const response = assertion(JSON.parse(passkey['data-passkey']), page.url.origin, browser.person.passkey);
    return browser.submit(page, passkey, { response: JSON.stringify(response) });
  }
  const identify = form('/sign-in/identify');
  if (identify) {
    browser.asked.sign_in += 1;
    browser.before = sentMessages().length;
    return browser.submit(page, identify, { national_id: browser.person.id });
  }
  const code = form('/sign-in/code');
  if (code) return browser.submit(page, code, { code: code.fields.method === 'totp' ? totp(browser.person.totp) : await nextCode(browser.before) });
  const consent = form('/oauth/consent');
  if (consent) {
    browser.asked.consent += 1;
    return answer(consent);
  }
  const device = form('/device/answer');
  if (device) return answer(device);
  const ask = form('/device');
  if (ask?.fields.user_code) return browser.submit(page, ask);
  const logout = form('/oauth/logout/answer');
  if (logout) return browser.submit(page, logout, {}, logout.buttons.find((button) => button.value === 'yes'));
  return null;
}

/// The digits of the first message after `before` others.
export async function nextCode(before) {
  for (let wait = 0; wait < 100; wait += 1) {
    const all = sentMessages();
    if (all.length > before) {
      const digits = all.at(-1).text.match(/\b\d{6,8}\b/);
      if (digits) return digits[0];
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('no message came');
}
