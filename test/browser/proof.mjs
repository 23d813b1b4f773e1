// Checks bundles with the proof page and says what is wrong: a line of JSON each, nothing
// where all is well.
//
//   node proof.mjs ADDRESS   (files as JSON on the standard input)
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const site = process.argv[2];
const files = JSON.parse(readFileSync(0, 'utf8'));
const { dir, pictures, root } = files;
const wrong = (where, what) => console.log(JSON.stringify({ where, what }));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });

// page opens a tab that reports whatever it asks of anybody once it is there, says or runs.
async function page(url, options) {
  const context = await browser.newContext({ timezoneId: 'Europe/Berlin', acceptDownloads: true, ...options });
  const p = await context.newPage();
  let here = 'start';
  p.at = (name) => { here = name; };
  p.quiet = false;
  p.on('request', (r) => {
    // The page of the server takes its verifier, once.
    if (url.startsWith(site) && r.url() === site + '/verifier.js' && r.method() === 'GET' && !p.taken) p.taken = true;
    else if ((p.quiet || r.url() !== url) && !/^(blob|data):/.test(r.url())) wrong(here, 'asked for ' + r.url().slice(0, 200));
  });
  p.on('dialog', (d) => { wrong(here, 'dialog: ' + d.message()); d.dismiss(); });
  p.on('pageerror', (e) => wrong(here, 'ran: ' + e.message));
  p.on('console', (m) => { if (m.type() !== 'log') wrong(here, m.type() + ': ' + m.text()); });
  p.on('popup', (w) => { wrong(here, 'opened ' + w.url()); w.close(); });
  await p.goto(url);
  p.quiet = true; // from now on nothing is asked for
  return p;
}

// give fills the form by its files, as one does who clicks.
async function give(p, { bundle, key, roots }) {
  if (await p.isVisible('#again')) await p.click('#again');
  if (bundle) await p.setInputFiles('#bundle', bundle);
  for (const [id, f] of [['key', key], ['roots', roots]]) {
    if (f) {
      await p.setInputFiles(`#${id}-file`, f);
      await p.waitForFunction((id) => document.getElementById(id).value !== '', id);
    } else {
      await p.fill('#' + id, '');
    }
  }
}

async function check(p) {
  await p.click('#check');
  await p.waitForSelector('#result:not([hidden]), [aria-invalid=true]', { timeout: 60000 });
}

// expect compares verdict and steps.
async function expect(p, name, verdict, steps = {}) {
  p.at(name);
  const got = await p.evaluate(() => ({
    verdict: document.querySelector('#result:not([hidden]) [data-verdict]')?.dataset.verdict,
    steps: Object.fromEntries(Array.from(document.querySelectorAll('[data-step]'), (e) => [e.dataset.step, e.dataset.outcome])),
    focus: document.activeElement.id,
  }));
  if (got.verdict !== verdict) wrong(name, `the verdict is ${got.verdict}, want ${verdict}: ${await p.locator('main').innerText()}`);
  for (const [step, outcome] of Object.entries(steps)) if (got.steps[step] !== outcome) wrong(name, `step ${step} is ${got.steps[step]}, want ${outcome}`);
  if (name.endsWith(': no bundle')) { // one sentence, what a bundle looks like, and no rows of what was not checked
    const text = await p.locator('#result').innerText();
    if (Object.keys(got.steps).length || !/Kein Beweispaket|No proof bundle/.test(text) || !/siegel-….zip/.test(text)) wrong(name, text);
  }
  if (verdict && got.focus !== 'verdict') wrong(name, 'the focus is not on the verdict but on ' + got.focus);
}

// cases goes through what a visitor may have.
async function cases(p, where, most = 99) {
  const { good, flipped, damaged, bare, text, key, otherKey, roots } = files;
  for (const [name, given, verdict, steps] of [
    ['right key and roots', { bundle: good, key, roots }, 'verified', { message: 'ok', envelope: 'ok', file: 'ok', ledger: 'ok', key: 'ok', until: 'warning', from: 'ok', clock: 'ok' }],
    ['no key', { bundle: good }, 'consistent', { message: 'ok', key: 'note' }],
    ['key alone', { bundle: good, key }, 'consistent', { key: 'ok' }],
    ['another key', { bundle: good, key: otherKey, roots }, 'refused', { key: 'failed', message: 'unreached', ledger: 'unreached' }],
    ['one bit of the message', { bundle: flipped, key, roots }, 'refused', { message: 'failed', key: 'ok', file: 'ok' }],
    ['one bit of a proof', { bundle: damaged, key, roots }, 'refused', { file: 'failed', message: 'unreached' }],
    ['without the message', { bundle: bare, key, roots }, 'verified', { message: 'note', from: 'note' }],
    ['no bundle', { bundle: text, key, roots }, 'refused', {}],
  ].slice(0, most)) {
    p.at(`${where}: ${name}`);
    await give(p, given);
    await check(p);
    await expect(p, `${where}: ${name}`, verdict, steps);
  }
  // What is no key is said at its field, and nothing is verified.
  await give(p, { bundle: good, key: roots, roots: key });
  await check(p);
  await expect(p, where + ': mistaken keys', undefined);
  for (const id of ['key', 'roots']) {
    if (!(await p.locator(`#${id}-wrong`).innerText()).includes(id === 'key' ? 'ledger.pub' : 'PEM')) wrong(where, `nothing is said about the ${id}`);
  }
  if (await p.evaluate(() => window.ran || document.querySelector('#result img, #result script, main b'))) wrong(where, 'something of a message or a name is there');
}

// Where the verifier does not come that is said, and it is tried again.
let p = await page(site + '/proof', { locale: 'de-DE' });
p.removeAllListeners('console');
p.removeAllListeners('request');
await p.route('**/verifier.js', (r) => r.abort());
p.at('no verifier');
await give(p, { bundle: files.good });
await check(p);
if (!(await p.locator('#bundle-wrong').innerText()).includes('ließ sich von diesem Server nicht laden')) wrong('no verifier', await p.locator('main').innerText());
await p.unroute('**/verifier.js');
await check(p);
await expect(p, 'verifier at last', 'consistent');
await p.context().close();

// The page of the server, by keyboard; the message and its octets.
p = await page(site + '/proof', { locale: 'de-DE' });
await cases(p, 'served');
await give(p, { bundle: files.good, key: files.key, roots: files.roots });
await p.focus('#check');
await p.keyboard.press('Enter');
await p.waitForSelector('#result:not([hidden])');
const shown = await p.locator('.letter').innerText();
for (const want of ['Angebot „Dachstuhl“ <img src=x onerror=alert(1)>', 'Anna Müller <anna@a.example>', 'Angebotfdp.exe', 'RCPT TO:<c@two.example>', '22. November 2026 um 15:37:00 MEZ']) {
  if (!shown.includes(want)) wrong('letter', `${want} is not in it: ${shown}`);
}
const [saved] = await Promise.all([p.waitForEvent('download'), p.click('#save')]);
await saved.saveAs(dir + '/got.eml');
if (!readFileSync(dir + '/got.eml').equals(readFileSync(files.message))) wrong('letter', 'the saved message is another one');
// Before anything else is given the verdict is gone.
await p.click('#again');
if (await p.isVisible('#result') || !(await p.isVisible('#form'))) wrong('change', 'the old verdict is still there');

// Dropped all at once, each is known by what is in it.
const drop = await p.evaluateHandle(([list]) => {
  const data = new DataTransfer();
  for (const [name, b64] of list) data.items.add(new File([Uint8Array.from(atob(b64), (c) => c.charCodeAt(0))], name));
  return data;
}, [[['roots.txt', files.roots], ['key.txt', files.key], ['proof', files.good]].map(([n, f]) => [n, readFileSync(f).toString('base64')])]);
await p.fill('#key', '');
await p.fill('#roots', '');
await p.dispatchEvent('main', 'drop', { dataTransfer: drop });
await p.waitForFunction(() => document.getElementById('bundle-name').textContent.startsWith('proof '));
await check(p);
await expect(p, 'dropped', 'verified');

// A large message is read in pieces; the page stays awake.
await give(p, { bundle: files.large, key: files.key, roots: files.roots });
await check(p);
await expect(p, 'large', 'verified');

// A long check shows how far it is, and can be stopped; what is too large is not begun.
p.at('long');
await give(p, { bundle: files.long });
await p.click('#check');
await p.waitForFunction(() => /[0-9] %/.test(document.getElementById('share').textContent));
await p.click('#stop');
if (await p.isVisible('#work') || await p.isVisible('#result') || await p.isDisabled('#check')) wrong('stop', 'it goes on');
await give(p, { bundle: files.tooLarge });
await check(p);
if (!(await p.locator('#bundle-wrong').innerText()).includes('So groß')) wrong('too large', await p.locator('#bundle-wrong').innerText());

// The policy holds: nothing can be fetched, no code be made from text. (What it forbids
// is said on the console; a test's own calls may make code, so a timer tries.)
p.removeAllListeners('console');
p.removeAllListeners('request'); // what is forbidden is asked for all the same, and not sent
p.on('response', (r) => wrong('policy', 'an answer of ' + r.url()));
const escaped = await p.evaluate((site) => new Promise((done) => setTimeout(async () => {
  const out = [];
  try { await fetch(site + '/x'); out.push('fetch'); } catch { /* forbidden */ }
  try { document.body.innerHTML = '<p>'; out.push('innerHTML'); } catch { /* forbidden */ }
  try { (0, eval)('1'); out.push('eval'); } catch { /* forbidden */ }
  // Once the verifier is there the page is shut, to its own server too.
  try { await import(site + '/verifier.js?again'); out.push('import'); } catch { /* forbidden */ }
  done(out);
})), site);
if (escaped.length) wrong('policy', escaped.join(', ') + ' went through');
await p.context().close();

// Saved by its own link, and as a browser saves what it shows, with a result in it.
p = await page(site + '/proof', { locale: 'en-US' });
p.quiet = false;
p.removeAllListeners('request');
const [copy] = await Promise.all([p.waitForEvent('download'), p.click('#take a')]);
if (copy.suggestedFilename() !== 'siegel-proof.html') wrong('copy', copy.suggestedFilename());
await copy.saveAs(dir + '/copy.html');
if (!readFileSync(dir + '/copy.html').equals(Buffer.from(await (await fetch(site + '/proof.html')).arrayBuffer()))) wrong('copy', 'it is another page');
await give(p, { bundle: files.good });
await check(p);
writeFileSync(dir + '/shown.html', await p.content());
await p.context().close();
for (const name of ['copy', 'shown']) {
  p = await page(pathToFileURL(`${dir}/${name}.html`).href, { locale: 'en-US', offline: true });
  if (await p.isVisible('#result')) wrong(name, 'it begins with a verdict');
  await cases(p, name, name === 'shown' ? 2 : 5);
  await p.context().close();
}

// How it looks.
async function judge(p, name) {
  p.at(name);
  if (pictures) await p.screenshot({ path: `${pictures}/proof-${name.replace(/[^a-z0-9]+/g, '-')}.png`, fullPage: true });
  await p.evaluate(axe);
  const found = await p.evaluate(() => axe.run(document));
  for (const v of found.violations) wrong(name, `axe ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
  if (await p.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) wrong(name, 'it scrolls sideways');
}
// Every width, theme and language; each with each where pictures are wanted.
for (const width of [1440, 390]) {
  for (const colorScheme of ['light', 'dark']) {
    for (const locale of pictures ? ['de-DE', 'en-US'] : [(width === 390) === (colorScheme === 'light') ? 'en-US' : 'de-DE']) {
      // axe is put into the page, which its policy forbids: only here.
      p = await page(site + '/proof', { viewport: { width, height: 900 }, colorScheme, locale, bypassCSP: true });
      const name = (n) => `${n} ${width} ${colorScheme} ${locale.slice(0, 2)}`;
      await judge(p, name('empty'));
      for (const [n, given] of [['verified', { bundle: files.good, key: files.key, roots: files.roots }], ['consistent', { bundle: files.good }], ['refused', { bundle: files.flipped, key: files.key, roots: files.roots }]]) {
        await give(p, given);
        await check(p);
        await judge(p, name(n));
      }
      await p.click('.tongue:not([aria-pressed=true])');
      if ((await p.locator('h1').innerText()) !== (locale === 'de-DE' ? 'Check a proof' : 'Beweis prüfen')) wrong(name('language'), 'it does not change');
      await give(p, { bundle: files.text, key: files.roots });
      await check(p);
      await judge(p, name('mistaken'));
      if (pictures && width === 1440) {
        await give(p, { bundle: files.good, key: files.key, roots: files.roots });
        await check(p);
        await p.pdf({ path: `${pictures}/proof-${colorScheme}-${locale.slice(0, 2)}.pdf`, format: 'A4' });
      }
      await p.context().close();
    }
  }
}
await browser.close();
