// Permits in the browser: reads their text, verifies them and says what they are. docs/permits.md has the formats.
// The first part knows no page; tests run it in Node. The second is the page /inspect.
'use strict';

const DayaqPermits = (() => {
  const purpose = 'dayaq permit list 1';
  const revokedMax = 1_000_000;

  class Refused extends Error {
    constructor(finding) {
      super(finding);
      this.finding = finding; // 'no_permit', 'unknown_key', 'withdrawn', 'forged'
    }
  }
  const refuse = (finding) => {
    throw new Refused(finding);
  };

  // --- CBOR: integers, strings, arrays, maps (as Map), tags; definite lengths. RFC 8949 section 3
  function cbor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const take = (size) => {
      if (size > bytes.length - at) refuse('no_permit');
      at += size;
      return at - size;
    };
    const argument = (info) => {
      if (info < 24) return info;
      if (info === 24) return view.getUint8(take(1));
      if (info === 25) return view.getUint16(take(2));
      if (info === 26) return view.getUint32(take(4));
      if (info !== 27) refuse('no_permit');
      const number = Number(view.getBigUint64(take(8)));
      return Number.isSafeInteger(number) ? number : refuse('no_permit');
    };
    const item = (depth) => {
      if (depth > 8) refuse('no_permit');
      const head = view.getUint8(take(1));
      const [kind, number] = [head >> 5, argument(head & 31)];
      if (kind === 0) return number;
      if (kind === 1) return -1 - number;
      if (kind === 2 || kind === 3) {
        const from = take(number);
        const part = bytes.subarray(from, from + number);
        if (kind === 2) return part;
        try {
          return new TextDecoder('utf-8', { fatal: true }).decode(part);
        } catch {
          return refuse('no_permit');
        }
      }
      if (kind === 6) return { tag: number, value: item(depth + 1) };
      if (kind === 7) return number === 22 ? null : refuse('no_permit');
      if (number > bytes.length) refuse('no_permit');
      if (kind === 4) return Array.from({ length: number }, () => item(depth + 1));
      const map = new Map();
      for (let i = 0; i < number; i += 1) {
        const key = item(depth + 1);
        if (map.has(key) || (typeof key !== 'number' && typeof key !== 'string')) refuse('no_permit');
        map.set(key, item(depth + 1));
      }
      return map;
    };
    const value = item(0);
    if (at !== bytes.length) refuse('no_permit');
    return value;
  }

  function head(kind, number) {
    if (number < 24) return [kind << 5 | number];
    if (number < 0x100) return [kind << 5 | 24, number];
    if (number < 0x10000) return [kind << 5 | 25, number >> 8, number & 255];
    return [kind << 5 | 26, number >>> 24, number >> 16 & 255, number >> 8 & 255, number & 255];
  }
  function join(...parts) {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const utf8 = (text) => new TextEncoder().encode(text);
  const byteString = (bytes) => join(head(2, bytes.length), bytes);

  // --- texts
  const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
  function base45(text) { // RFC 9285
    if (text.length % 3 === 1) refuse('no_permit');
    const out = [];
    for (let i = 0; i < text.length; i += 3) {
      const digits = [...text.slice(i, i + 3)].map((letter) => letters.indexOf(letter));
      const number = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
      if (digits.includes(-1) || number > (digits.length === 3 ? 0xffff : 0xff)) refuse('no_permit');
      if (digits.length === 3) out.push(number >> 8);
      out.push(number & 255);
    }
    return Uint8Array.from(out);
  }
  function base64url(text) {
    if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) refuse('no_permit');
    const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  }
  /// The COSE_Sign1 of either text.
  function parseText(given) {
    const text = given.replace(/^[ \t\r\n]+/, '');
    if (text.length > 1000) refuse('no_permit');
    const prefix = text.slice(0, 4).toUpperCase();
    if (prefix === 'DP1:') return base45(text.slice(4).replace(/[\t\r\n]/g, '').replace(/ +$/, '').toUpperCase());
    if (prefix !== 'DP1.') refuse('no_permit');
    const bytes = base64url(text.slice(4).replace(/[ \t\r\n]/g, ''));
    if (bytes.length <= 68) refuse('no_permit');
    const [kid, payload, signature] = [bytes.slice(0, 4), bytes.slice(4, -64), bytes.slice(-64)];
    return join([0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa1, 0x04], byteString(kid), byteString(payload), byteString(signature));
  }

  // --- COSE_Sign1: RFC 9052 sections 4.2 and 4.4
  function coseSign1(bytes) {
    let message = cbor(bytes);
    if (message?.tag !== undefined) message = message.tag === 18 ? message.value : refuse('no_permit');
    if (!Array.isArray(message) || message.length !== 4) refuse('no_permit');
    const [closed, open, payload, signature] = message;
    const bytesAll = [closed, payload, signature].every((part) => part instanceof Uint8Array);
    if (!bytesAll || !(open instanceof Map) || closed.length === 0) refuse('no_permit');
    const header = cbor(closed);
    if (!(header instanceof Map) || header.get(1) !== -8 || header.has(2) || open.has(2)) refuse('no_permit');
    for (const label of header.keys()) if (open.has(label)) refuse('no_permit');
    const kid = header.get(4) ?? open.get(4);
    if (!(kid instanceof Uint8Array)) refuse('no_permit');
    return { closed, kid, payload, signature };
  }
  async function verified(message, keys, aad = new Uint8Array(), withdrawn = []) {
    if (withdrawn.some((id) => same(id, message.kid))) refuse('withdrawn');
    const fitting = keys.filter((key) => same(key.id, message.kid));
    if (fitting.length === 0) refuse('unknown_key');
    const signed = join([0x84, 0x6a], utf8('Signature1'), byteString(message.closed), byteString(aad), byteString(message.payload));
    for (const { key } of fitting) {
      if (await crypto.subtle.verify('Ed25519', key, message.signature, signed)) return cbor(message.payload);
    }
    return refuse('forged');
  }

  // --- the permit
  const isTime = (seconds) => Number.isInteger(seconds) && seconds >= 0 && seconds <= 253402300799;
  const bytesOf = (text) => utf8(text).length;
  function readClaims(map) {
    if (!(map instanceof Map)) refuse('no_permit');
    const [subject, until, from, id, permit] = [2, 4, 5, 7, -70001].map((label) => map.get(label));
    const good = typeof subject === 'string' && subject !== '' && bytesOf(subject) <= 20 && isTime(from) && isTime(until) &&
      from < until && id instanceof Uint8Array && id.length === 8 && Array.isArray(permit) && permit.length === 2 &&
      Number.isInteger(permit[0]) && permit[0] >= 0 && permit[0] <= 0xffff && typeof permit[1] === 'string' && bytesOf(permit[1]) <= 40;
    if (!good) refuse('no_permit');
    return { subject, from, until, id: new DataView(id.buffer, id.byteOffset).getBigUint64(0), kind: permit[0], detail: permit[1] };
  }
  /// Claims of a text whose signature fits one of `keys`; throws an error with `finding` else.
  async function verify(text, keys, withdrawn = []) {
    return readClaims(await verified(coseSign1(parseText(text)), keys, undefined, withdrawn));
  }

  // --- the list of keys, kinds and revoked permits
  function riceDecode(count, k, bits) {
    if (!Number.isInteger(count) || count < 0 || count > revokedMax || !Number.isInteger(k) || k < 0 || k > 63 ||
        !(bits instanceof Uint8Array) || count * (k + 1) > bits.length * 8) refuse('no_permit');
    const ids = new BigUint64Array(count);
    const end = bits.length * 8;
    let at = 0;
    const bit = () => (at < end ? bits[at >> 3] >> (7 - (at++ & 7)) & 1 : refuse('no_permit'));
    const number = (size) => { // at most 32 bits, by bytes
      let value = 0;
      for (let left = size; left > 0;) {
        if (at >= end) refuse('no_permit');
        const here = Math.min(8 - (at & 7), left);
        value = value * 2 ** here + (bits[at >> 3] >> (8 - (at & 7) - here) & (1 << here) - 1);
        at += here;
        left -= here;
      }
      return value;
    };
    const largest = (1n << 64n) - 1n;
    let next = 0n;
    for (let i = 0; i < count; i += 1) {
      let high = 0;
      while (bit() === 1) high += 1;
      const low = k > 32 ? BigInt(number(k - 32)) << 32n | BigInt(number(32)) : BigInt(number(k));
      const id = next + (BigInt(high) << BigInt(k) | low);
      if (id > largest) refuse('no_permit');
      ids[i] = id;
      next = id + 1n;
    }
    if (end - at >= 8) refuse('no_permit');
    while (at < end) if (bit() === 1) refuse('no_permit');
    return ids;
  }

  async function importKey(value) {
    if (!(value instanceof Map) || value.get(1) !== 1 || value.get(3) !== -8 || value.get(-1) !== 6) return null;
    const raw = value.get(-2);
    if (!(raw instanceof Uint8Array) || raw.length !== 32) return null;
    const id = new Uint8Array(await crypto.subtle.digest('SHA-256', raw)).slice(0, 4);
    return { id, key: await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']) };
  }
  /// Reads a list. Without `trusted` keys one of its own must fit: it is trusted as the connection it came by.
  async function parseList(bytes, trusted = null) {
    const message = coseSign1(bytes);
    const map = cbor(message.payload);
    if (!(map instanceof Map)) refuse('no_permit');
    const [made, next, keyValues, kindValues, coded] = [1, 2, 3, 4, 5].map((label) => map.get(label));
    if (!isTime(made) || !isTime(next) || ![keyValues, kindValues, coded].every(Array.isArray) || coded.length !== 3) refuse('no_permit');
    const keys = (await Promise.all(keyValues.map(importKey))).filter((key) => key !== null);
    await verified(message, trusted ?? keys, utf8(purpose));
    const kinds = new Map();
    for (const kind of kindValues) {
      if (!Array.isArray(kind) || kind.length !== 5 || !isTime(kind[4])) refuse('no_permit');
      kinds.set(kind[0], { az: kind[1], en: kind[2], ru: kind[3], voidBefore: kind[4] });
    }
    const withdrawn = map.get(6) ?? []; // ids of keys: whatever they have signed counts for nothing
    if (!Array.isArray(withdrawn) || !withdrawn.every((id) => id instanceof Uint8Array && id.length === 4)) refuse('no_permit');
    return { made, next, keys, withdrawn, kinds, revoked: riceDecode(...coded) };
  }
  function isRevoked(claims, list) {
    if (claims.from < (list.kinds.get(claims.kind)?.voidBefore ?? 0)) return true;
    let [low, high] = [0, list.revoked.length];
    while (low < high) {
      const middle = low + high >> 1;
      if (list.revoked[middle] < claims.id) low = middle + 1;
      else high = middle;
    }
    return low < list.revoked.length && list.revoked[low] === claims.id;
  }
  const dayIn = (zone, seconds) =>
    new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(seconds * 1000);
  /// What an inspector is told: valid, ended, other_day, not_yet or revoked. A clock behind the list is set to it.
  function judge(claims, list, now, zone) {
    const at = Math.max(now, list.made);
    if (at >= claims.until) return dayIn(zone, claims.until - 1) < dayIn(zone, at) ? 'other_day' : 'ended';
    if (isRevoked(claims, list)) return 'revoked';
    return at < claims.from ? 'not_yet' : 'valid';
  }
  /// { finding, claims? } of whatever text.
  async function inspect(text, list, now, zone) {
    try {
      const claims = await verify(text, list.keys, list.withdrawn);
      return { finding: judge(claims, list, now, zone), claims };
    } catch (error) {
      if (error instanceof Refused) return { finding: error.finding };
      throw error;
    }
  }
  /// Whether this browser verifies Ed25519. @see https://www.w3.org/TR/webcrypto-2/
  async function canVerify() {
    try {
      const point = base64url('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'); // RFC 8032 section 7.1, test 1
      await crypto.subtle.importKey('raw', point, 'Ed25519', false, ['verify']);
      return true;
    } catch {
      return false;
    }
  }
  return { parseText, verify, parseList, riceDecode, isRevoked, judge, inspect, canVerify };
})();

if (typeof document !== 'undefined') {
  const at = (id) => document.getElementById(id);
  const root = at('inspect');
  const { language, zone } = root.dataset;
  const listPath = '/v1/permits/list';
  const cacheName = 'dayaq-inspect-list-1';
  const renewEvery = 5 * 60_000;
  const seen = new Map(); // permits of this visit, so that one shown twice is noticed; never stored
  let last = null;
  let list = null;
  let able = true;

  // "22.11.2026 09:01" in every language: browsers know the names of months of some of them alone.
  const clockFace = new Intl.DateTimeFormat('en-GB', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const when = (seconds) => {
    const part = Object.fromEntries(clockFace.formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
    return `${part.day}.${part.month}.${part.year} ${part.hour}:${part.minute}`;
  };
  const seconds = () => Math.floor(Date.now() / 1000);

  // --- the list: the newest that was ever read, in the browser's cache
  function showList() {
    const place = at('list-state');
    place.classList.toggle('old', list !== null && seconds() > list.next);
    if (list === null) place.textContent = root.dataset.noList;
    else {
      const minutes = Math.max(0, Math.floor((seconds() - list.made) / 60));
      const age = root.dataset.age.replace('[h]', Math.floor(minutes / 60)).replace('[m]', minutes % 60);
      place.textContent = `${root.dataset.list} ${when(list.made)}. ${age} ${root.dataset.count} ${list.revoked.length}.`;
      if (seconds() > list.next) place.textContent += ` ${root.dataset.old}`;
    }
  }
  async function takeList(response) {
    const fresh = await DayaqPermits.parseList(new Uint8Array(await response.arrayBuffer()));
    if (list === null || fresh.made >= list.made) list = fresh;
    return list === fresh;
  }
  async function renew() {
    try {
      const response = await fetch(listPath, { credentials: 'omit', cache: 'no-cache' });
      if (response.ok) {
        const copy = response.clone();
        if (await takeList(response) && self.caches) await (await caches.open(cacheName)).put(listPath, copy);
      }
    } catch {
      // no network, or not a list: the one that is held goes on, and its age is shown
    }
    showList();
  }
  async function start() {
    able = Boolean(self.crypto?.subtle) && await DayaqPermits.canVerify();
    if (!able) {
      at('list-state').textContent = root.dataset.noCrypto;
      return;
    }
    at('renew').hidden = false;
    at('renew').addEventListener('click', renew);
    try {
      const held = self.caches && await (await caches.open(cacheName)).match(listPath);
      if (held) await takeList(held);
    } catch {
      // a damaged copy is fetched again
    }
    showList();
    await renew();
    setInterval(showList, 60_000);
    setInterval(renew, renewEvery);
    addEventListener('online', renew);
  }

  // --- the answer
  function show({ finding, claims }) {
    const looks = at('looks').content;
    const box = looks.querySelector(`[data-state="${finding}"]`).cloneNode(true);
    if (claims) {
      const facts = looks.querySelector('dl').cloneNode(true);
      const put = (name, value) => {
        const place = facts.querySelector(`[data-fact="${name}"]`);
        if (value) place.textContent = value;
        else {
          place.previousElementSibling.remove();
          place.remove();
        }
      };
      const kind = list.kinds.get(claims.kind);
      put('subject', claims.subject);
      put('kind', kind?.[language] || kind?.az || `№ ${claims.kind}`);
      put('detail', claims.detail);
      put('from', when(claims.from));
      put('until', when(claims.until));
      // Another permit, or some minutes, lie between: not the same one checked twice in a row.
      const before = seen.get(claims.id);
      if (before !== undefined && (last !== claims.id || seconds() - before > 120)) {
        const again = document.createElement('p');
        again.className = 'verdict-again';
        again.textContent = `${root.dataset.again} ${when(before)}`;
        box.append(again);
      }
      if (before === undefined) seen.set(claims.id, seconds());
      last = claims.id;
      box.append(facts);
    }
    at('result').replaceChildren(box);
    at('result').focus({ preventScroll: true });
    at('result').scrollIntoView({ block: 'start' });
  }
  async function check(text) {
    if (list === null) await renew();
    if (list === null) showList();
    else show(await DayaqPermits.inspect(text, list, seconds(), zone));
  }
  at('form').addEventListener('submit', (event) => {
    if (!able) return; // the server does it
    event.preventDefault();
    check(at('permit').value);
  });
  at('permit').addEventListener('paste', () => setTimeout(() => {
    const text = at('permit').value;
    if (able && text.trim().length > 100) check(text);
  }));

  // --- the camera
  let stream = null;
  function closeCamera() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    at('video').hidden = true;
    at('stop').hidden = true;
    at('scan').hidden = false;
  }
  async function scan() {
    at('camera-note').textContent = '';
    try {
      const detector = new BarcodeDetector({ formats: ['qr_code'] });
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      at('video').srcObject = stream;
      at('video').hidden = false;
      at('stop').hidden = false;
      at('scan').hidden = true;
      await at('video').play();
      while (stream !== null) {
        const codes = await detector.detect(at('video'));
        const found = codes.map((code) => code.rawValue).find((text) => /^\s*DP1[:.]/i.test(text));
        if (found !== undefined) {
          closeCamera();
          at('permit').value = found;
          await check(found);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    } catch {
      closeCamera();
      at('camera-note').textContent = root.dataset.noCamera;
    }
  }
  async function offerCamera() {
    const formats = 'BarcodeDetector' in self ? await BarcodeDetector.getSupportedFormats() : [];
    if (!formats.includes('qr_code') || !navigator.mediaDevices?.getUserMedia) return;
    at('camera').hidden = false;
    at('scan').addEventListener('click', scan);
    at('stop').addEventListener('click', closeCamera);
  }

  // --- the worker that opens this page offline
  async function register() {
    if (!navigator.serviceWorker) {
      at('offline-state').textContent = root.dataset.noWorker;
      return;
    }
    try {
      await navigator.serviceWorker.register('/inspect-worker.js', { scope: '/inspect' });
      await navigator.serviceWorker.ready;
      at('offline-state').textContent = root.dataset.ready;
    } catch {
      at('offline-state').textContent = root.dataset.noWorker;
    }
  }
  start();
  offerCamera();
  if (able) register();
}
