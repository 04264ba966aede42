// Lets /inspect open without a network: keeps the page in its three languages and what it is made of. The list of
// revoked permits the page keeps itself.
'use strict';
const kept = 'dayaq-inspect-1';
const pages = ['az', 'en', 'ru'].map((language) => `/inspect?lang=${language}`);
const patience = 4000; // milliseconds for a page over a slow network, before the kept one is shown

// What is kept is about nobody: fetched without cookies.
async function keep() {
  const cache = await caches.open(kept);
  const parts = new Set();
  for (const page of pages) {
    const answer = await fetch(page, { credentials: 'omit', cache: 'no-cache' });
    if (!answer.ok) throw new Error(`${page}: ${answer.status}`);
    const text = await answer.clone().text();
    for (const [, path] of text.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)) parts.add(path);
    await cache.put(page, answer);
  }
  for (const path of parts) {
    if (!(await cache.match(path))) await cache.add(new Request(path, { credentials: 'omit' }));
  }
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/static/') && !parts.has(pathname)) await cache.delete(request);
  }
}

async function page(event, url) {
  const language = url.searchParams.get('lang');
  const cache = await caches.open(kept);
  if (language) await cache.put('/inspect-language', new Response(language));
  try {
    const answer = await fetch(event.request, { signal: AbortSignal.timeout(patience) });
    if (answer.status < 500) {
      event.waitUntil(keep().catch(() => {}));
      return answer;
    }
  } catch {
    // no network, or one that is too slow: what is kept is as good
  }
  const last = language ?? (await (await cache.match('/inspect-language'))?.text()) ?? 'az';
  return (await cache.match(`/inspect?lang=${last}`)) ?? (await cache.match(pages[0])) ?? Response.error();
}

async function part(request) {
  const cache = await caches.open(kept);
  return (await cache.match(request.url)) ?? fetch(request);
}

addEventListener('install', (event) => event.waitUntil(keep().then(() => skipWaiting())));
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (event.request.mode === 'navigate' && url.pathname === '/inspect') event.respondWith(page(event, url));
  else if (url.pathname.startsWith('/static/')) event.respondWith(part(event.request));
});
