// Signs the setup's first person in and prints the cookies that their browser keeps: `session.mjs SETUP`.
import './node18.mjs';
import { Browser } from './browser.mjs';
import { issuer } from './checks.mjs';

const person = new Browser();
const end = await person.visit(`${issuer}/my`);
const cookies = person.cookies(new URL(`${issuer}/my`));
process.stdout.write(JSON.stringify({ cookies, page: String(end.url ?? end), status: end.status, seen: person.seen }), () => process.exit(0));
