// Reads mail as hands do it, and says what is wrong: a line of JSON each, nothing where all is
// well.
//
//   node reading.mjs ADDRESS   (people and pictures as JSON on the standard input)
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const site = process.argv[2];
const { people, root, elsewhere, pictures } = JSON.parse(readFileSync(0, 'utf8'));
const wrong = (where, what) => console.log(JSON.stringify({ where, what }));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: root ? ['--no-sandbox'] : [] });
const shot = async (p, name) => { if (pictures) await p.screenshot({ path: `${pictures}/reading-${name}.png` }); };

async function signIn(p, email) {
  await p.fill('#email', email);
  await p.fill('#password', people.password);
  await p.click('main button.primary');
}

async function tab(email, options = {}) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1440, height: 900 }, ...options });
  const p = await context.newPage();
  await p.goto(site + '/sign-in');
  await signIn(p, email);
  await p.waitForURL(site + '/');
  return p;
}

// end signs the browser out, as in another tab.
const end = (p) => p.context().clearCookies({ name: 'siegel' });
const find = async (p, q) => {
  await p.goto(site + '/search?q=' + encodeURIComponent(q));
  return p.locator('.hits a').first().getAttribute('href');
};

// Another's message is opened beside the list, with the reason that is given there.
{
  const p = await tab(people.keeper);
  const to = await find(p, 'subject:rich');
  await p.click('.hits a >> nth=0');
  await p.waitForSelector('#pane #reason');
  await p.fill('#pane #reason', '...');
  await p.click('#pane button.primary');
  await p.waitForSelector('#pane [role=alert]');
  if (await p.inputValue('#pane #reason') !== '...') wrong('pane', 'what was typed is lost');
  if (!await p.evaluate(() => document.activeElement.id === 'reason')) wrong('pane', 'the reason has not the focus');
  await p.fill('#pane #reason', 'case 17');
  await p.click('#pane button.primary');
  await p.waitForSelector('#pane article.message');
  const here = await p.evaluate(() => location.pathname + location.search + location.hash);
  if (here !== '/search?q=subject%3Arich#' + to || !await p.locator('.hits a').count()) wrong('pane', `the list is left: ${here}`);
  if (!(await p.frameLocator('#pane iframe.rich').locator('body').innerText()).includes('Rich text')) wrong('pane', 'the message is not shown');
  if (await p.locator('#pane input[name=reason]').first().inputValue() !== 'case 17') wrong('pane', 'its forms have no reason');
  await shot(p, 'pane');
  // Who was signed out meanwhile comes back to the list with the reason typed.
  await p.reload();
  await p.waitForSelector('#pane #reason');
  await p.fill('#pane #reason', 'case 18');
  await end(p);
  await p.click('#pane button.primary');
  await p.waitForSelector('form[action="/sign-in"]');
  await signIn(p, people.keeper);
  await p.waitForSelector('#pane form[data-resumed]');
  if (await p.inputValue('#pane #reason') !== 'case 18' || !p.url().endsWith('#' + to)) wrong('pane, signed out', `${p.url()} has "${await p.inputValue('#pane #reason')}"`);
  await p.click('#pane button.primary');
  await p.waitForSelector('#pane article.message');
  await p.context().close();
}

// Who was signed out meanwhile has the form again, with what was typed, on the page that it is on.
{
  const p = await tab(people.keeper);
  await p.goto(site + '/cases');
  const typed = { name: 'Tax <audit>', email: people.reader, search: '"annual report" OR rich', until: new Date(Date.now() + 30 * 864e5).toISOString().slice(0, 10), reason: 'order 17\nand a line' };
  for (const [id, value] of Object.entries(typed)) await p.fill('#' + id, value);
  await end(p);
  await p.click('form[action="/cases"] button.primary');
  await p.waitForSelector('form[action="/sign-in"]');
  await shot(p, 'signed-out');
  if (await p.inputValue('#email') !== people.keeper) wrong('signed out', 'the address is to be typed again');
  const posts = [];
  p.on('request', (r) => { if (r.method() === 'POST') posts.push(new URL(r.url()).pathname); });
  await signIn(p, people.keeper);
  await p.waitForSelector('form[data-resumed]');
  await shot(p, 'form-again');
  for (const [id, value] of Object.entries(typed)) if (await p.inputValue('#' + id) !== value) wrong('signed out', `${id} is "${await p.inputValue('#' + id)}"`);
  if (p.url() !== site + '/cases' || posts.join() !== '/sign-in') wrong('signed out', `at ${p.url()}, sent ${posts}`);
  await p.reload();
  if (await p.inputValue('#name') !== typed.name) wrong('signed out', 'loaded again it is lost');
  await p.fill('#name', 'Other name');
  await p.click('form[action="/cases"] button.primary');
  await p.waitForURL(/cases\/[0-9a-f]{32}/);
  await p.goto(site + '/cases');
  if (!(await p.locator('main').innerText()).includes('Other name')) wrong('signed out', 'the form did nothing');
  for (let back = 0; back < 2; back++) {
    await p.goBack();
    await p.waitForLoadState('networkidle'); // htmx asks for pages of the history itself
  }
  if (p.url() === site + '/cases' && await p.inputValue('#name')) wrong('signed out', `after it was sent it stands there again: ${await p.inputValue('#name')}`);
  // A password is not kept anywhere.
  await p.goto(site + '/password');
  for (const id of ['now', 'password', 'again']) await p.fill('#' + id, 'New-1-password');
  await end(p);
  await p.click('form[action="/password"] button.primary');
  await p.waitForSelector('form[action="/sign-in"]');
  const kept = await p.evaluate(() => JSON.stringify([document.documentElement.outerHTML, history.state, { ...sessionStorage }, { ...localStorage }]));
  if (kept.includes('New-1-password')) wrong('signed out', 'a password is kept');
  await p.context().close();
}

// Without script it is sent from the page behind the sign-in.
{
  const p = await tab(people.reader, { javaScriptEnabled: false });
  await p.goto(site + '/jobs/export?q=rich');
  await p.selectOption('select[name=format]', 'mbox');
  await end(p);
  await p.click('form[action="/jobs/export"] button');
  await signIn(p, people.reader);
  await shot(p, 'send-it-now');
  await p.click('text=Send it now');
  await p.waitForURL(/jobs\/[0-9a-f]{32}/);
  if (!(await p.locator('main').innerText()).includes('Export of rich')) wrong('without script', await p.locator('main').innerText());
  await p.context().close();
}

// Pictures from elsewhere are loaded after a click, also on the page of its own, and the
// browser says nobody where it was.
{
  const p = await tab(people.reader);
  const asked = [];
  p.context().on('request', (r) => { if (r.url().startsWith(elsewhere)) asked.push(r.headers().referer || ''); });
  const seen = (w) => w.locator('img').evaluateAll((l) => l.filter((e) => e.naturalWidth).length);
  const open = async (what, form) => {
    const [w] = await Promise.all([p.waitForEvent('popup'), p.click(form)]);
    await w.waitForLoadState('networkidle');
    return [w, await seen(w), await w.locator('body').innerText()];
  };
  const to = await find(p, 'subject:rich');
  await p.goto(site + to);
  let [w, shown, text] = await open('before', '.whole button');
  if (shown || asked.length || !text.includes('The message\'s page can load them here')) wrong('pictures', `before a click ${shown} are shown, ${asked.length} asked for: ${text.slice(0, 100)}`);
  await w.close();
  [w, shown] = await open('a page of its own', '.note button[formaction]');
  if (shown !== 1 || asked.join('|') !== '') wrong('pictures', `on a page of its own ${shown} are shown, referrers ${asked}`);
  await shot(w, 'whole');
  await w.close();
  if (await p.locator('article.message .note button[formaction]').count() !== 1) wrong('pictures', 'the message has changed');
  await Promise.all([p.waitForEvent('load'), p.click('.note button:not([formaction])')]);
  await p.waitForLoadState('networkidle');
  if (await p.frameLocator('iframe.rich').locator('img').evaluate((e) => e.naturalWidth) !== 1) wrong('pictures', 'in the frame it is not shown');
  for (const form of ['.whole button', 'button:has-text("A page to print")']) {
    [w, shown] = await open('after', form);
    if (shown !== 1) wrong('pictures', `loaded by a click they are not on ${form}`);
    await w.close();
  }
  if (asked.length < 2 || asked.some(Boolean)) wrong('pictures', `asked with referrers ${JSON.stringify(asked)}`);
  await p.context().close();
}

// Keys pass over rows that are folded away.
{
  const p = await tab(people.keeper);
  for (const q of ['subject:rich', 'subject:wide']) {
    await p.goto(site + '/search?q=' + q);
    await p.click('.tool summary >> nth=0');
    await p.click('form[action="/search/saved"] button');
    await p.waitForURL(/saved=1/);
  }
  await p.goto(site + '/search?q=rich');
  const hidden = await p.locator('.saved[open]').count() ? 0 : await p.locator('.saved [data-row]').count();
  if (hidden < 2) wrong('keys', `only ${hidden} rows are folded away`);
  await p.evaluate(() => document.activeElement.blur());
  const hits = await p.locator('.hits a[data-pane]').count();
  for (const [key, at] of [['j', 0], ['j', 1], ['k', 0], ['k', 0]]) {
    await p.keyboard.press(key);
    const is = await p.evaluate(() => [...document.querySelectorAll('.hits a[data-pane]')].indexOf(document.activeElement));
    if (is !== Math.min(at, hits - 1)) wrong('keys', `${key} leads to row ${is}, want ${at}: ${await p.evaluate(() => document.activeElement.outerHTML.slice(0, 200))}`);
  }
  await p.keyboard.press('o');
  await p.waitForSelector('#pane #reason');
  // Unfolded they are rows as all are.
  await p.goto(site + '/help');
  await p.goto(site + '/search?q=rich');
  await p.click('.saved summary');
  await p.evaluate(() => document.activeElement.blur());
  await p.keyboard.press('j');
  if (!await p.evaluate(() => Boolean(document.activeElement.closest('.saved')))) wrong('keys', 'an unfolded row is passed over');
  await p.context().close();
}

// On paper it is said that this may be a part of the message, and only there.
{
  const p = await tab(people.reader);
  await p.goto(site + await find(p, 'subject:rich'));
  const sentence = p.locator('.on-paper');
  if (!(await sentence.textContent()).includes('On paper this may be a part of the message')) wrong('paper', 'the sentence is missing');
  if (await sentence.isVisible()) wrong('paper', 'it is said on the screen');
  await p.emulateMedia({ media: 'print' });
  if (!await sentence.isVisible()) wrong('paper', 'it is not said on paper');
  for (const button of await p.locator('button, .head a').all()) if (await button.isVisible()) wrong('paper', `it has ${await button.evaluate((e) => e.outerHTML.slice(0, 100))}`);
  await shot(p, 'paper');
  await p.emulateMedia({ media: 'screen' });
  await p.goto(site + await find(p, 'subject:words'));
  if (await p.locator('.on-paper').count()) wrong('paper', 'it is said of a message that is there as a whole');
  await p.context().close();
}

// Mail with wide tables does not make a phone's page scroll sideways, in the list, in the
// message and on the page of its own; what is wide is reached inside.
{
  const p = await tab(people.reader, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  const sideways = (w) => w.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const to = await find(p, 'subject:wide');
  if (await sideways(p) > 0) wrong('phone', 'the list scrolls sideways');
  await p.goto(site + to);
  await p.waitForSelector('iframe.rich');
  if (await sideways(p) > 0) wrong('phone', `the message scrolls sideways by ${await sideways(p)}`);
  const frame = await p.locator('.framed').boundingBox();
  if (frame.x < 0 || frame.x + frame.width > 390) wrong('phone', `the frame is at ${frame.x}, ${frame.width} wide`);
  const words = await p.frameLocator('iframe.rich').locator('text=the last one').boundingBox();
  if (!words) wrong('phone', 'the last cell is not there');
  await shot(p, 'phone');
  const [w] = await Promise.all([p.waitForEvent('popup'), p.click('.whole button')]);
  await w.waitForLoadState();
  if (await sideways(w) > 0) wrong('phone', `on a page of its own it scrolls sideways by ${await sideways(w)}`);
  await shot(w, 'phone-whole');
  await p.context().close();
}
await browser.close();
