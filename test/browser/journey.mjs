// What people do from the first day on, in a browser alone. Prints a line of JSON for each
// thing that is wrong, and one with "result".
//
//   node journey.mjs found|use ADDRESS   (what is given as JSON on the standard input)
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [, , phase, site] = process.argv;
const given = JSON.parse(readFileSync(0, 'utf8'));
const { lang, root, pictures, dir } = given;
const wrong = (where, what) => console.log(JSON.stringify({ where: `${lang} ${where}`, what }));
const de = lang === 'de';
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });

async function tab(options = {}) {
  const context = await browser.newContext({ locale: de ? 'de-DE' : 'en-US', timezoneId: 'Europe/Zurich', viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  const p = await context.newPage();
  p.on('request', (r) => { if (!r.url().startsWith(site) && !/^(data|blob):|^about:srcdoc/.test(r.url())) wrong('request', 'asked for ' + r.url().slice(0, 200)); });
  p.on('pageerror', (e) => wrong('script', e.message));
  p.on('console', (m) => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) wrong('console', m.text()); });
  return p;
}

// shot takes a picture for the documentation.
async function shot(p, name, options = {}) {
  if (pictures) await p.evaluate(() => scrollTo(0, 0));
  if (pictures) await p.screenshot({ path: `${pictures}/${name}-${lang}.png`, ...options });
}
async function says(p, where, ...texts) {
  const text = await p.locator('body').innerText();
  for (const t of texts) if (!text.includes(t)) wrong(where, `it does not say "${t}": ${text.slice(0, 600)}`);
}
async function signIn(p, email, password) {
  await p.goto(site + '/sign-in');
  await p.fill('#email', email);
  await p.fill('#password', password);
  await p.click('main button.primary');
  await p.waitForURL(site + '/');
}

// found holds the founding ceremony and has everybody take the own invitation.
async function found() {
  const p = await tab();
  await p.goto(`${site}/found#${given.code}`);
  for (const f of ['name', 'domains', 'administrators', 'keepers', 'readers']) await p.fill('#' + f, given[f]);
  if (await p.inputValue('#code') !== given.code) wrong('found', 'the code of the link is not in its field');
  await shot(p, 'found', { fullPage: true });
  await p.click('main button.primary');
  await p.waitForSelector('.words');
  const words = await p.locator('.words li').allInnerTexts();
  const [kit] = await Promise.all([p.waitForEvent('download'), p.click('form[action="/found/kit"] button')]);
  if (kit.suggestedFilename() !== `siegel-recovery-${given.domains}.age`) wrong('found', `the file of the kit is called ${kit.suggestedFilename()}`);
  if (!readFileSync(await kit.path(), 'utf8').startsWith('age-encryption.org/v1')) wrong('found', 'the file of the kit is something else');
  for (const i of [0, 1]) {
    const n = Number((await p.locator(`label[for=word-${i}]`).innerText()).match(/\d+/)[0]);
    await p.fill('#word-' + i, words[n - 1]);
  }
  await p.check('[name=saved]');
  await p.click('form[action="/found"] button.primary');
  await p.waitForSelector('#link-0');
  const shown = () => p.locator('textarea[id^=link-]').evaluateAll((l) => l.map((e) => e.value));
  const links = await shown();
  await p.reload(); // the page says that this brings them back
  if ((await shown()).join() !== links.join()) wrong('founded', `loading the page again shows ${p.url()}, ${await p.locator('main h1').innerText()}`);
  for (const link of links) {
    const q = await tab();
    await q.goto(link);
    await q.fill('#password', given.password);
    await q.fill('#again', given.password);
    await q.click('main button.primary');
    await q.waitForURL(site + '/');
    await q.context().close();
  }
  return { people: links.length };
}

// use reads, proves and checks what has arrived.
async function use() {
  const r = await tab();
  await signIn(r, given.reader, given.password);
  await r.goto(site + '/'); // on the reader's clock from here on
  await says(r, 'start', de ? 'Nachrichten, die Sie lesen können' : 'Messages that you can read', String(given.mine));
  await r.keyboard.press('/');
  await r.keyboard.type(given.word + ' has:attachment');
  await r.keyboard.press('Enter');
  await r.waitForURL(/search\?q=/);
  await says(r, 'search', given.subject, de ? 'Nachricht' : 'message');
  await r.keyboard.press('Escape');
  await r.evaluate(() => document.activeElement.blur());
  await r.keyboard.press('j');
  await r.keyboard.press('o');
  await r.waitForSelector('#pane article.message');
  await shot(r, 'search');
  const message = new URL(r.url()).hash.slice(1);
  await r.goto(site + message);
  await says(r, 'message', given.subject, given.text, given.attachment);
  const [eml] = await Promise.all([r.waitForEvent('download'), r.click('form[action$="/eml"] button')]);
  if (!readFileSync(await eml.path()).equals(readFileSync(given.octets))) wrong('message', 'what was downloaded is not what was received');
  await r.goto(site + message);
  const [proof] = await Promise.all([r.waitForEvent('download'), r.click('form[action$="/proof"] button')]);
  const bundle = `${dir}/proof-${lang}.zip`;
  await proof.saveAs(bundle);

  // All that was found is taken out, encrypted.
  await r.goto(site + '/search'); // as one types
  await r.locator('#q').pressSequentially(given.word);
  await r.waitForSelector('#results .hits');
  if (await r.locator('form[role=search] details[open], form[role=search] ~ .saved[open]').count()) wrong('search', 'the help stays unfolded above what was found');
  await r.goto(`${site}/search?q=${given.word}`);
  await r.click('summary:has-text("Export")').catch(() => r.click('summary:has-text("exportieren")'));
  await Promise.all([r.waitForURL(/\/jobs\//), r.click('form[action="/jobs/export"] button')]);
  for (let n = 0; n < 60 && !(await r.locator('a[download], form[action*="/part"] button, a[href*="/parts/"]').count()); n++) {
    await r.waitForTimeout(500);
    await r.reload();
  }
  await shot(r, 'job');
  const [zip] = await Promise.all([r.waitForEvent('download'), r.locator('a[download], form[action*="/part"] button, a[href*="/parts/"]').first().click()]);
  await zip.saveAs(`${dir}/export-${lang}.zip`);
  const password = (await r.locator('code, .mono, input[readonly]').first().evaluate((e) => e.value || e.textContent)).trim();
  await r.context().close();

  // Somebody who has no account checks it.
  const j = await tab();
  await j.goto(site + '/proof');
  await j.click('main a.button');
  await j.waitForURL(/proof\/check/);
  await j.setInputFiles('#bundle', bundle);
  await j.setInputFiles('#key-file', given.key);
  await j.setInputFiles('#roots-file', given.roots);
  await j.waitForFunction(() => document.getElementById('roots').value !== '');
  await j.click('#check');
  await j.waitForSelector('#result:not([hidden])', { timeout: 60000 });
  const verdict = await j.evaluate(() => document.querySelector('[data-verdict]').dataset.verdict);
  if (verdict !== 'verified') wrong('proof', `the verdict is ${verdict}: ${await j.locator('main').innerText()}`);
  await shot(j, 'proof');
  await j.context().close();

  // The keeper sees who read it, and the administrator how the archive is.
  const k = await tab();
  await signIn(k, given.keeper, given.password);
  await k.goto(site + message + '/history');
  await says(k, 'history', given.reader, ...(de ? ['Nachricht geöffnet', 'Beweis einer Nachricht geholt'] : ['Message opened', 'Proof of a message taken']));
  await shot(k, 'history');
  await k.goto(site + '/');
  await shot(k, 'start');
  await k.context().close();
  const a = await tab();
  await signIn(a, given.administrator, given.password);
  await a.goto(site + '/people');
  await says(a, 'people', given.reader, given.keeper);
  await shot(a, 'people');
  await a.context().close();
  const phone = await tab({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await signIn(phone, given.reader, given.password);
  await phone.goto(site + message);
  await shot(phone, 'phone');
  return { export: `${dir}/export-${lang}.zip`, password };
}

const result = await { found, use }[phase]();
console.log(JSON.stringify({ result }));
await browser.close();
