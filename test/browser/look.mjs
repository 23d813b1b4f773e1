// Walks through the pages and says what is wrong: a line of JSON each, nothing where all is well.
//
//   node look.mjs ADDRESS   (people and messages as lines of JSON on the standard input)
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const site = process.argv[2];
const { people, vectors, pictures, root, all } = JSON.parse(readFileSync(0, 'utf8'));
const wrong = (where, what) => console.log(JSON.stringify({ where, what }));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });

// page opens a tab that reports whatever it asks of anybody else, says or runs.
async function page(options) {
  const context = await browser.newContext(options);
  const p = await context.newPage();
  let here = 'start';
  p.at = (name) => { here = name; };
  p.on('request', (r) => { if (!r.url().startsWith(site) && !r.url().startsWith('data:') && r.url() !== 'about:srcdoc') wrong(here, 'asked for ' + r.url().slice(0, 200)); });
  p.on('dialog', (d) => { wrong(here, 'dialog: ' + d.message()); d.dismiss(); });
  p.on('pageerror', (e) => wrong(here, 'ran: ' + e.message));
  p.on('console', (m) => { if (m.type() === 'error' && !/Failed to load resource.*(401|403|404|422|429)/.test(m.text()) && !p.vectors) wrong(here, 'console: ' + m.text()); });
  p.on('popup', (w) => { if (!p.popups) { wrong(here, 'opened ' + w.url()); w.close(); } });
  return p;
}

// judge looks at the page that is shown.
async function judge(p, name) {
  p.at(name);
  if (pictures) await p.screenshot({ path: `${pictures}/${name.replace(/[^a-z0-9]+/g, '-')}.png`, fullPage: true });
  await p.evaluate(axe);
  const found = await p.evaluate(() => axe.run(document, { iframes: false }));
  for (const v of found.violations) wrong(name, `axe ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
  const beside = await p.evaluate(() => [...document.querySelectorAll('.head nav [aria-current]')].map((e) => e.getBoundingClientRect()).some((r) => r.left < 0 || r.right > innerWidth - 32 && innerWidth < 480));
  if (beside) wrong(name, 'the page that is open is not seen among the pages');
  if (await p.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) wrong(name, 'it scrolls sideways');
  if (p.viewportSize().width < 480 && await p.evaluate(() => [...document.querySelectorAll('.scroll')].some((e) => e.scrollWidth > e.clientWidth))) wrong(name, 'a table scrolls sideways');
}

// above looks at what stands above a list: it is near, moves nothing when it opens, and the
// state of the search stays in sight.
async function above(p, name) {
  await p.goto(site + '/search?q=vector');
  const top = (what) => p.locator(what).first().evaluate((e) => e.getBoundingClientRect().top + scrollY);
  const [status, tools, list] = [await top('.sticky'), await top('.tools'), await top('.hits')];
  if (tools > list || list - status > 150) wrong(name, `status at ${status}, buttons at ${tools}, list at ${list}`);
  for (const i of [0, 1]) {
    await p.locator('.tool summary').nth(i).click();
    const box = await p.locator('.tool[open] .panel').boundingBox();
    if (await p.locator('.tool[open]').count() !== 1 || await top('.hits') !== list) wrong(name, 'opening moves the list, or leaves the other open');
    if (box.x < 0 || box.x + box.width > p.viewportSize().width) wrong(name, `the panel is at ${box.x}, ${box.width} wide`);
  }
  await p.keyboard.press('Escape');
  if (await p.locator('.tool[open]').count() || !await p.evaluate(() => document.activeElement.matches('.tool summary'))) wrong(name, 'Escape does not close it');
  await p.mouse.wheel(0, 900);
  await p.waitForFunction(() => scrollY > 300);
  const at = await p.locator('.sticky').evaluate((e) => e.getBoundingClientRect().top);
  if (at < 0 || at > 20) wrong(name, `the status is at ${at} when the list is scrolled`);
}

// frame looks at the frame of a message: as high as the window has room, higher by hand, and
// whole on a page of its own.
async function frame(p, name) {
  const size = () => p.locator('.framed').evaluate((e) => ({ height: e.offsetHeight, resize: getComputedStyle(e).resize, inner: e.firstElementChild.offsetHeight }));
  const before = await size();
  if (before.height < 600 || before.height > 700 || before.inner < before.height - 20 || before.resize !== 'vertical') wrong(name, `the frame is ${JSON.stringify(before)}`);
  await p.locator('.framed').scrollIntoViewIfNeeded();
  for (const by of [-200, 100]) {
    const was = await size();
    const edge = await p.locator('.framed').evaluate((e) => { e.scrollIntoView({ block: 'center' }); const b = e.getBoundingClientRect(); return { x: b.right - 5, y: b.bottom - 5 }; });
    await p.mouse.move(edge.x, edge.y);
    await p.mouse.down();
    await p.waitForTimeout(100);
    await p.mouse.move(edge.x, edge.y + by, { steps: 10 });
    await p.mouse.up();
    const is = await size();
    if (Math.abs(was.height + by - is.height) > 10 || is.inner < is.height - 20) wrong(name, `the frame was ${was.height} high and is ${is.height} when its edge is moved by ${by}`);
  }
  p.popups = true;
  const [whole] = await Promise.all([p.waitForEvent('popup'), p.click('.whole button')]);
  await whole.waitForLoadState();
  const text = await whole.locator('body').innerText();
  if (!text.includes('Rich text') || !/sheet$/.test(whole.url())) wrong(name, `the whole message is ${whole.url()}: ${text.slice(0, 200)}`);
  if (pictures) await whole.screenshot({ path: `${pictures}/${name.replace(/[^a-z0-9]+/g, '-')}-whole.png` });
  await whole.close();
  p.popups = false;
}

async function signIn(p, who) {
  await p.goto(site + '/sign-in');
  await p.fill('#email', who.email);
  await p.fill('#password', who.password);
  await p.keyboard.press('Enter');
  await p.waitForURL(site + '/');
}

// jobs exports what a search finds: the page of the job comes to its end by itself.
async function jobs(p, name) {
  await p.goto(site + '/jobs/export?q=rich');
  await judge(p, name('order'));
  await p.goto(site + '/search?q=rich');
  await p.click('summary:has-text("export")');
  if (await p.locator('#export-reason[required]').count()) await p.fill('#export-reason', 'looked at by a test');
  await p.locator('#export-format').selectOption('mbox');
  await judge(p, name('to export'));
  await p.click('form[action="/jobs/export"] button');
  await p.waitForURL(/jobs\/[0-9a-f]{32}/);
  await p.waitForSelector('#password');
  await judge(p, name('job'));
  const [file] = await Promise.all([p.waitForEvent('download'), p.click('a[download]')]);
  if (!/^siegel-.*-part-0001\.zip$/.test(file.suggestedFilename()) || await file.failure()) wrong(name('job'), `downloaded ${file.suggestedFilename()}: ${await file.failure()}`);
  await p.goto(site + '/jobs');
  await judge(p, name('jobs'));
}

const shapes = [
  { width: 1440, scheme: 'light', locale: 'de-DE' },
  { width: 1440, scheme: 'dark', locale: 'en-US' },
  { width: 390, scheme: 'light', locale: 'de-DE' },
  { width: 390, scheme: 'dark', locale: 'en-US' },
];
for (const s of all ? shapes : [shapes[0], shapes[3]]) {
  for (const who of people) {
    const name = (n) => `${who.role} ${n} ${s.width} ${s.scheme} ${s.locale.slice(0, 2)}`;
    // axe is put into the page, which its policy forbids: only here.
    const p = await page({ viewport: { width: s.width, height: 900 }, colorScheme: s.scheme, locale: s.locale, bypassCSP: true, javaScriptEnabled: true });
    await p.goto(site + '/');
    await judge(p, name('sign-in'));
    await p.fill('#email', who.email);
    await p.fill('#password', 'Wrong-1-password');
    await p.keyboard.press('Enter');
    await p.waitForSelector('[role=alert]');
    await judge(p, name('refused'));
    await signIn(p, who);
    await judge(p, name('start'));
    const office = who.role === 'reader' ? [] : [['people', '/people'], ['requests', '/requests'], ['settings', '/settings'], ['sources', '/sources']];
    for (const [n, path] of [...office, ['password', '/password'], ['help', '/help'], ['invitation', '/invitation?email=a@b.example'], ['plan', '/found'], ['proof', '/proof'], ['sessions', '/sessions'], ['trail', '/trail'], ['nothing', '/nothing'], ['search', '/search'], ['found', '/search?q=rich'], ['alternatives', '/search?q=(rich+OR+poor)+text'], ['mistake', '/search?q=colour:red'], ['none', '/search?q=nowhere']]) {
      await p.goto(site + path);
      await judge(p, name(n));
    }
    if (office.length) {
      await p.goto(site + '/trail');
      await p.click('.trail summary >> nth=0');
      await judge(p, name('trail details'));
      await p.goto(site + '/people');
      await p.click('tbody a >> nth=-1');
      await p.waitForURL(/people\/./);
      await judge(p, name('person'));
    }
    if (who.role === 'administrator') {
      await p.goto(site + '/people');
      await p.fill('#email', `new-${s.width}-${s.scheme}@${who.email.split('@')[1]}`);
      await p.click('main button.primary');
      await p.waitForSelector('#link');
      await judge(p, name('code'));
      // What is wrong is said at its field, which has the focus; what was typed is there.
      for (const [n, path, fill, field, action = path] of [
        ['source refused', '/sources', { name: 'exchange', address: 'journal@elsewhere.example', networks: '192.0.2.0/24' }, 'address'],
        ['invitation refused', '/people', { email: `typo@${who.email.split('@')[1].replace('an', 'na')}` }, 'email'],
        ['domain refused', '/settings', { domain: who.email.split('@')[1].replace('an', 'na') }, 'domain', '/settings/domains'],
        ['plan refused', '/found', { code: 'aaaa', name: 'x' }, 'code'],
      ]) {
        await p.goto(site + path);
        for (const [id, value] of Object.entries(fill)) await p.fill('#' + id, value);
        await Promise.all([p.waitForEvent('load'), p.locator(`form[action="${action}"]`).evaluate((f) => { f.noValidate = true; f.requestSubmit(); })]);
        await judge(p, name(n));
        const focus = await p.evaluate(() => document.activeElement.id);
        if (focus !== field) wrong(name(n), `the focus is on ${focus}`);
        for (const [id, value] of Object.entries(fill)) if (await p.inputValue('#' + id) !== value) wrong(name(n), `${id} is lost`);
      }
    }
    if (who.role !== 'administrator') { // as one types
      await p.goto(site + '/search');
      await p.fill('#q', 'ri');
      await p.fill('#q', 'rich');
      await p.waitForURL(/q=rich/);
      await p.waitForSelector('.hits a');
    }
    await p.goto(site + '/api/v1/');
    await judge(p, name('api'));
    await p.goto(site + '/search?q=rich');
    const hit = p.locator('.hits a').first();
    if (await hit.count()) {
      await hit.focus();
      const to = await hit.getAttribute('href');
      await p.keyboard.press('Enter');
      if (s.width > 1200) { // beside the list
        await p.waitForSelector('#pane h1');
        await judge(p, name('pane'));
        await p.reload();
        await p.waitForSelector('#pane h1');
        await p.goto(site + to);
      }
      await p.waitForURL(site + to);
      await judge(p, name('message'));
      if (await p.locator('#reason').count()) {
        await p.fill('#reason', 'looked at by a test');
        await p.click('main button.primary');
        await p.waitForSelector('article');
        await judge(p, name('message with a reason'));
      }
      await p.goto(site + to + '/history');
      await judge(p, name('history'));
      await p.goto(site + to);
      if (await p.locator('#reason').count()) {
        await p.fill('#reason', 'looked at by a test');
        await p.click('main button.primary');
        await p.waitForSelector('article');
      }
      await frame(p, name('frame'));
      if (!(await p.frameLocator('iframe.rich').locator('body').innerText()).includes('Rich text')) wrong(name('message'), 'the frame does not show the text');
    }
    if (who.role !== 'administrator') {
      await above(p, name('above the list'));
      await jobs(p, name);
    }
    await p.click('.who summary');
    await judge(p, name('menu'));
    await p.click(`text=${s.locale === 'de-DE' ? 'Abmelden' : 'Sign out'}`);
    await p.waitForURL(site + '/sign-in');
    await p.context().close();
  }
}

// What attackers send: nothing of it runs, asks or opens, under the policy as it is.
const p = await page({});
p.vectors = true; // what the policy forbids is said on the console, and is what it is for
await signIn(p, people.find((w) => w.role === 'reader'));
await p.goto(site + '/search?q=subject:vector');
const seen = new Set();
for (let more = true; more;) {
  // The list goes on by itself when its end is seen; whether it has ended is asked before it is read.
  const next = p.locator('a[rel=next]');
  more = await next.count() > 0;
  for (const a of await p.locator('.hits a[data-pane]').evaluateAll((l) => l.map((e) => e.href))) seen.add(a);
  if (!more) break;
  await next.scrollIntoViewIfNeeded().catch(() => {}); // it may be gone already
  await p.waitForTimeout(100);
}
if (seen.size !== vectors) wrong('vectors', `${seen.size} of ${vectors} were found`);
for (const a of seen) {
  await p.goto(a);
  p.at('vector: ' + (await p.title()));
  for (const f of p.frames()) {
    if (await f.evaluate(() => Boolean(window.ran || document.querySelector('script:not([src^="/static/"]),form[action^="http"]'))).catch(() => false)) wrong('vector: ' + (await p.title()), 'something of it is there');
  }
}
await browser.close();
