// Sends forms that are refused, and forms whose answer is shown once, goes on to another page
// and back, loads the page again, and says what is wrong: a line of JSON each, nothing where
// all is well.
//
//   node back.mjs ADDRESS   (people as JSON on the standard input)
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const site = process.argv[2];
const { people, root, code } = JSON.parse(readFileSync(0, 'utf8'));
const wrong = (where, what) => console.log(JSON.stringify({ where, what }));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });

async function tab(email) {
  const context = await browser.newContext({ locale: 'de-DE', timezoneId: 'Europe/Zurich' });
  const p = await context.newPage();
  if (email) {
    await p.goto(site + '/sign-in');
    await p.fill('#email', email);
    await p.fill('#password', people.password);
    await p.click('main button.primary');
    await p.waitForURL(site + '/');
  }
  return p;
}

// goes sends a form, whose page has the given address from then on. once says that the answer
// is shown once, so that no link leads to it in another language.
async function goes(p, name, { from, form, fill = {}, want, to, once = false }) {
  await p.goto(site + from);
  await p.waitForSelector(`form[action="${form}"]`, { state: 'attached', timeout: 5000 });
  for (const [id, value] of Object.entries(fill)) {
    // Also what is folded away, and what the browser would not let through.
    await p.locator(`form[action="${form}"] [name="${id}"]`).first().evaluate((e, v) => { e.value = v; }, value);
  }
  await Promise.all([
    p.waitForEvent('load'), // what a form keeps in the history is a navigation too
    p.locator(`form[action="${form}"]`).first().evaluate((f) => { f.noValidate = true; f.requestSubmit(); }),
  ]);
  if (!(await p.locator(want).count())) wrong(name, `${want} is not on the page: ${(await p.locator('main').innerText()).slice(0, 300)}`);
  const here = () => p.evaluate(() => location.pathname + location.search);
  if (await here() !== to) wrong(name, `its page is ${await here()}, want ${to}`);
  const tongues = await p.locator('form[action="/language"] input[name=to]').evaluateAll((l) => l.map((e) => e.value));
  if (tongues.join() !== (once ? '' : to)) wrong(name, `the languages lead to "${tongues}"`);
  let sent = 0;
  const count = (r) => { if (r.method() === 'POST') sent++; };
  p.on('request', count);
  await Promise.all([p.waitForNavigation(), p.click('footer a[href="/help"]')]);
  await p.goBack().catch((e) => wrong(name, 'going back: ' + e.message.split('\n')[0]));
  if (!(await p.locator('main#main h1').count())) wrong(name, `back shows ${p.url()}, which is no page of ours`);
  else if (await here() !== to) wrong(name, `back leads to ${await here()}`);
  await p.reload();
  if (sent) wrong(name, 'the form was sent again');
  p.off('request', count);
}

let p = await tab();
await goes(p, 'sign-in', { from: '/sign-in?to=%2Fcases', form: '/sign-in', fill: { email: people.reader, password: 'Wrong-1-password' }, want: '[role=alert]', to: '/sign-in?to=%2Fcases' });
await goes(p, 'invitation', { from: '/invitation?email=a%40b.example&tenant=x', form: '/invitation', fill: { code: 'AAAA', password: 'a', again: 'b' }, want: '[role=alert]', to: '/invitation?email=a%40b.example&tenant=x' });
await goes(p, 'found', { from: '/found', form: '/found', fill: { code: 'AAAA', name: 'x' }, want: '[role=alert]', to: '/found' });
if (await p.inputValue('#name') !== 'x') wrong('found', 'what was typed is gone when the page is loaded again');
await goes(p, 'kit', {
  from: '/found', form: '/found', want: '.words', to: '/found', once: true,
  fill: { code, name: 'other', domains: 'other.example', administrators: 'a@other.example', keepers: 'b@other.example' },
});
for (const [id, want] of Object.entries({ code, name: 'other', keepers: 'b@other.example' })) {
  if (await p.inputValue('#' + id) !== want) wrong('kit', `loaded again, ${id} is "${await p.inputValue('#' + id)}"`);
}
if (JSON.stringify(await p.evaluate(() => history.state)).includes('age-encryption') || (await p.evaluate(() => 'file' in history.state.kept || 'first' in history.state.kept))) wrong('kit', 'a half of the kit stays in the history');
// The code of a link comes back with the form, and by the link once more.
await p.goto(site + '/help');
await p.goto(site + '/found#aaaa-bbbb');
if (new URL(p.url()).hash) wrong('code', 'it stays in the address');
await Promise.all([p.waitForNavigation(), p.click('footer a[href="/help"]')]);
await p.goBack();
if (await p.inputValue('#code') !== 'aaaa-bbbb') wrong('code', `after going back it is "${await p.inputValue('#code')}"`);
await p.goto(site + '/found#cccc-dddd');
if (await p.inputValue('#code') !== 'cccc-dddd') wrong('code', `by the link once more it is "${await p.inputValue('#code')}"`);
await p.context().close();

p = await tab(people.reader);
await goes(p, 'password', { from: '/password', form: '/password', fill: { now: 'x', password: 'y', again: 'z' }, want: '[role=alert]', to: '/password' });
await goes(p, 'export', { from: '/jobs/export?q=rich', form: '/jobs/export', fill: { q: 'from:' }, want: '[role=alert]', to: '/jobs/export?q=from%3A' });
await goes(p, 'the page of an error', { from: '/search?q=rich', form: '/search/saved', fill: { q: 'from:' }, want: '[role=alert]', to: '/search' });
await p.context().close();

p = await tab(people.administrator);
await goes(p, 'people', { from: '/people', form: '/people', fill: { email: people.reader }, want: '[role=alert]', to: '/people' });
await goes(p, 'code', { from: '/people', form: '/people', fill: { email: 'back@' + people.reader.split('@')[1] }, want: '#link', to: '/people', once: true });
await goes(p, 'settings', { from: '/settings', form: '/settings/idle', fill: { minutes: '0' }, want: '[role=alert]', to: '/settings' });
await goes(p, 'sources', { from: '/sources', form: '/sources', fill: { name: 'x', address: 'nonsense' }, want: '[role=alert]', to: '/sources' });
await p.goto(site + '/people');
const person = await p.locator('th a', { hasText: people.reader }).getAttribute('href');
await goes(p, 'reset', { from: person, form: person + '/reset', fill: { typed: 'somebody' }, want: '[role=alert]', to: person });
await p.context().close();

p = await tab(people.keeper);
await goes(p, 'cases', { from: '/cases', form: '/cases', fill: { name: 'x', until: '' }, want: '[role=alert]', to: '/cases' });
await p.goto(site + '/search?q=rich');
const message = await p.locator('.hits a').first().getAttribute('href');
await goes(p, 'no reason', { from: message, form: message, fill: { reason: '' }, want: '[role=alert]', to: message });
await goes(p, 'a reason', { from: message, form: message, fill: { reason: 'looked at by a test' }, want: 'article.message', to: message });
await browser.close();
