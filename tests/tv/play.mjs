// Plays an HLS channel in Chromium with hls.js and says what a viewer sees, as one JSON object:
//
//   node tests/tv/play.mjs http://127.0.0.1:8080/hls/news/index.m3u8 SECONDS
//
// {"played": seconds of picture shown, "width", "height", "denied": 403s seen, "errors": [...]}
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const [channel, seconds] = [process.argv[2], Number(process.argv[3])];
const library = fs.readFileSync(path.join(here, 'node_modules/hls.js/dist/hls.min.js'));
const page_text = `<!doctype html><title>player</title><video muted autoplay playsinline width="320"></video>
<script src="/hls.min.js"></script><script>
const video = document.querySelector('video');
globalThis.failures = [];
const hls = new Hls({ lowLatencyMode: false, manifestLoadingMaxRetry: 0, enableWorker: false });
hls.on(Hls.Events.ERROR, (event, data) => globalThis.failures.push(data.details + ' ' + (data.response?.code ?? '')));
hls.loadSource(${JSON.stringify(channel)});
hls.attachMedia(video);
</script>`;
const server = http.createServer((request, response) => {
  if (request.url === '/hls.min.js') return response.setHeader('Content-Type', 'text/javascript').end(library);
  return response.setHeader('Content-Type', 'text/html').end(page_text);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--disable-quic',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  let denied = 0;
  page.on('response', (response) => { if (response.status() === 403) denied += 1; });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const deadline = Date.now() + (seconds + 20) * 1000;
  let seen = {};
  while (Date.now() < deadline) {
    seen = await page.evaluate(() => {
      const video = document.querySelector('video');
      let played = 0;
      for (let i = 0; i < video.played.length; i += 1) played += video.played.end(i) - video.played.start(i);
      return { played, width: video.videoWidth, height: video.videoHeight, errors: globalThis.failures };
    });
    if (seen.played >= seconds || (denied > 0 && seen.errors.length > 0)) break;
    await page.waitForTimeout(200);
  }
  console.log(JSON.stringify({ ...seen, denied }));
} finally {
  await browser.close();
  server.close();
}
