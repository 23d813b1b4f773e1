// Reads a long list beside its messages, with and without a connection, and says what is
// wrong: a line of JSON each, nothing where all is well.
//
//   node list.mjs ADDRESS   (reader and password as JSON on the standard input)
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const site = process.argv[2];
const { reader, password, root } = JSON.parse(readFileSync(0, 'utf8'));
const wrong = (where, what) => console.log(JSON.stringify({ where, what }));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Zurich' });
const p = await context.newPage();
await p.goto(site + '/sign-in');
await p.fill('#email', reader);
await p.fill('#password', password);
await p.click('main button.primary');
await p.waitForURL(site + '/');

const rows = p.locator('.hits > li[data-row]');
const top = (what) => what.evaluate((e) => e.getBoundingClientRect().top);
const shown = () => p.waitForSelector('#pane article.message');

// The pane is in sight however far the list was scrolled, and the row stays in its place.
await p.goto(site + '/search?q=sequences');
for (const n of [3, 19, 23]) {
  const row = rows.nth(n);
  await row.scrollIntoViewIfNeeded();
  await p.waitForTimeout(300); // a further page of the list may come
  const before = await top(row);
  const subject = await row.locator('.subject').innerText();
  await row.locator('a').click();
  await p.waitForFunction((s) => document.querySelector('#pane h1, #pane h2')?.innerText.includes(s), subject, { timeout: 5000 }).catch(() => wrong('pane', `row ${n}: ${subject} is not shown`));
  const box = await p.locator('#pane > *').first().boundingBox();
  if (box.y < 0 || box.y > 200) wrong('pane', `row ${n}: the message is at ${box.y}`);
  if (Math.abs(await top(row) - before) > 4) wrong('pane', `row ${n}: it was at ${before} and is at ${await top(row)}`);
  if (!await p.evaluate(() => document.getElementById('pane').contains(document.activeElement))) wrong('pane', `row ${n}: the message has not the focus`);
}

// j goes on from the row that is read, o opens it, Escape goes back to it.
await p.keyboard.press('j');
const at = () => p.evaluate(() => [...document.querySelectorAll('.hits > li[data-row]')].findIndex((r) => r.contains(document.activeElement)));
if (await at() !== 24) wrong('keys', `j went to row ${await at()}`);
await p.keyboard.press('o');
await p.waitForFunction(() => document.getElementById('pane').contains(document.activeElement), null, { timeout: 5000 }).catch(() => wrong('keys', 'o opens nothing'));
await p.keyboard.press('Escape');
if (await at() !== 24) wrong('keys', `Escape went to row ${await at()}`);

// What cannot be fetched is said, and what was there before is gone.
const type = async (text) => { await p.fill('#q', text); };
const gone = async (name, want) => {
  await p.waitForSelector('#results .note.bad', { timeout: 5000 }).catch(() => wrong(name, 'nothing says that it failed'));
  if (await p.locator('.hits').count()) wrong(name, 'the old hits are still shown');
  if (!(await p.locator('#results .note.bad').first().innerText()).includes(want)) wrong(name, await p.locator('#results .note.bad').first().innerText());
};
await p.goto(site + '/search?q=sequences');
await context.setOffline(true);
await type('ledger');
await gone('offline', 'no connection');
await context.setOffline(false);
await type('ledger 07');
await p.waitForSelector('.hits', { timeout: 5000 }).catch(() => wrong('online again', 'it finds nothing'));
if (await p.locator('#results .note.bad').count()) wrong('online again', 'the failure is still said');
await p.route('**/search?*', (r) => r.fulfill({ status: 503, contentType: 'text/html', body: '<main id="main"><section><p class="note bad">the index is being made</p></section></main>' }));
await type('words');
await gone('refused', 'the index is being made');
await p.unroute('**/search?*');
await type('x'.repeat(30000)); // longer than a request may be
await gone('too long', '');
await p.route('**/message/*', (r) => r.abort());
await type('ledger');
await p.waitForSelector('.hits');
await rows.nth(0).locator('a').click();
await p.waitForSelector('#pane .note.bad', { timeout: 5000 }).catch(() => wrong('message', 'nothing says that it failed'));
await p.unroute('**/message/*');

// A slow answer is announced, a quick one is not.
await p.route('**/message/*', async (r) => { await new Promise((f) => setTimeout(f, 4000)); await r.continue(); });
await p.goto(site + '/search?q=sequences');
await rows.nth(0).locator('a').click();
await p.waitForSelector('#pane p.soft', { timeout: 3500 }).catch(() => wrong('slow', 'nothing says that it is fetched'));
await shown();
await p.unroute('**/message/*');

// A search that cannot be is marked in the text and at the field; an empty field finds nothing.
await p.goto(site + '/search?q=sequences');
await type('words colour:red');
await p.waitForSelector('#problem .misfit mark', { timeout: 5000 }).catch(() => wrong('position', 'it is not marked'));
if (!(await p.locator('#problem mark').innerText()).startsWith('colour')) wrong('position', await p.locator('#problem mark').innerText());
if (await p.getAttribute('#q', 'aria-invalid') !== 'true' || await p.getAttribute('#q', 'aria-describedby') !== 'problem') wrong('position', 'the field does not say so');
await type('sequences');
await p.waitForSelector('.hits');
if (await p.getAttribute('#q', 'aria-invalid')) wrong('position', 'the field is still wrong');
await type('');
await p.waitForFunction(() => !document.querySelector('.hits'), null, { timeout: 5000 }).catch(() => wrong('empty', 'the old hits stay'));
await type('sequen');
await p.waitForSelector('.empty a', { timeout: 5000 }).catch(() => wrong('half a word', 'no beginning is offered'));
await Promise.all([p.waitForURL(/sequen(\*|%2A)/), p.click('.empty a')]);
if (!await rows.count()) wrong('half a word', 'its beginning finds nothing');

// Who is signed out meanwhile comes to the page of signing in, and from there back.
await p.goto(site + '/search?q=sequences');
await context.clearCookies();
await type('ledger');
await p.waitForURL(/sign-in\?to=.*ledger/, { timeout: 5000 }).catch(() => wrong('signed out', p.url()));
await browser.close();
