// Persons make a digital ID each: a code by SMS, then a passkey. `enrol.mjs SETUP`, with [{ id, number }] on standard input;
// prints the persons with what they keep: [{ id, number, passkey }].
import './node18.mjs';
import fs from 'node:fs';
import { Browser, forms, sentMessages } from './browser.mjs';
import { issuer } from './checks.mjs';
import { register } from './passkey.mjs';

const form = (page, action) => {
  const found = forms(page.text).find((each) => each.action === action);
  if (!found) throw new Error(`no ${action} on ${page.url} (${page.status}): ${page.text.replace(/\s+/g, ' ').slice(0, 3000)}`);
  return found;
};

/// The code of the newest message to a number; waits for it.
async function codeSentTo(number) {
  for (let wait = 0; wait < 100; wait += 1) {
    const mine = sentMessages().filter((message) => message.to === number);
    const code = mine.at(-1)?.text.match(/\b[0-9A-Z]{4}(-[0-9A-Z]{1,4})+\b/);
    if (code) return code[0];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no message to ${number}; messages: ${JSON.stringify(sentMessages().slice(-3))}`);
}

export async function enrol(person) {
  const browser = new Browser({ person });
  const start = await browser.go(`${issuer}/enrol`);
  const asked = await browser.submit(start, form(start, '/enrol/request'), { national_id: person.id, number: person.number, channel: 'sms' });
  const code = await codeSentTo(person.number.replace(/\D/g, ''));
  const chosen = await browser.submit(asked, form(asked, '/enrol/code'), { code });
  const passkey = form(chosen, '/enrol/passkey');
  const { credential, response } = register(JSON.parse(passkey['data-passkey']), new URL(issuer).origin);
  const done = await browser.submit(chosen, passkey, { response: JSON.stringify(response), name: 'test' });
  if (done.url?.pathname !== '/my') throw new Error(`ended at ${done.url}: ${done.status} ${done.text.slice(0, 2000)}`);
  return { ...person, passkey: credential };
}

const persons = [];
for (const person of JSON.parse(fs.readFileSync(0, 'utf8'))) persons.push(await enrol(person));
process.stdout.write(JSON.stringify(persons), () => process.exit(0));
