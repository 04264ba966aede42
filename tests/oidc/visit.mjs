// browser.mjs for programs in other languages: reads { urls, follow } from standard input, prints where each visit ended.
import './node18.mjs';
import fs from 'node:fs';
import { Browser } from './browser.mjs';

const { urls, follow } = JSON.parse(fs.readFileSync(0, 'utf8'));
const person = new Browser({ follow });
const ends = [];
for (const url of urls) {
  if (url.startsWith('wait:')) {  // milliseconds
    await new Promise((resolve) => setTimeout(resolve, Number(url.slice(5))));
    continue;
  }
  const end = await person.visit(url);
  ends.push(end instanceof URL ? { back: end.href, seen: [...person.seen] } : { page: { url: end.url.href, status: end.status, text: end.text, headers: end.headers }, seen: [...person.seen] });
}
process.stdout.write(JSON.stringify(ends), () => process.exit(0));
